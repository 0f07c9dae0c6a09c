"""Procedural CLEVR: three to ten solids on grey ground (Johnson et al. 2017).

Shapes, sizes, colours, materials and distances are those of the publishers' generator. Camera and
lights are like its, and the images are ray cast instead of path traced.
"""

import functools

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from . import shapes
from .camera import Camera, window
from .placement import scatter
from .scene import Lights, Scene, make_ground, make_lights, make_solids, together
from .world import World

COLOURS = (
    np.array(
        [
            [87, 87, 87], [173, 35, 35], [42, 75, 215], [29, 105, 20],
            [129, 74, 25], [129, 38, 192], [41, 208, 208], [255, 238, 51],
        ],
        np.float32,
    )
    / 255
)  # fmt: skip
SHAPES = np.array([shapes.NUMBERS[name] for name in ("box", "ellipsoid", "cylinder")], np.int32)
RADII = np.array([0.35, 0.7], np.float32)
MIN_OBJECTS, MAX_OBJECTS = 3, 10
VIEW = np.array([7.48, -6.5, 5.34], np.float32)
FIELD = 16 / 35  # a sensor 32 mm wide behind a lens of 35 mm
WHOLE, ROWS, COLUMNS = (240, 320), (29, 221), (64, 256)  # of which models see a part
MIN_PIXELS = 200  # of the whole


def make(key: PRNGKeyArray, max_objects: int = MAX_OBJECTS) -> Scene:
    """Make a scene with at most `max_objects` objects."""
    keys = iter(jr.split(key, 5))
    position = view(next(keys))
    shape, centre, size, angle = place(
        next(keys), jnp.asarray(SHAPES), RADII, position, max_objects
    )
    colour_key, metal_key = jr.split(next(keys))
    objects = make_solids(
        shape,
        centre,
        size,
        label=jnp.arange(1, MAX_OBJECTS + 1),
        colour=jr.choice(colour_key, jnp.asarray(COLOURS), (MAX_OBJECTS,)),
        metal=jr.bernoulli(metal_key, 0.5, (MAX_OBJECTS,)),
        angle=angle,
    )
    solids = together(make_ground(0.55), objects)
    return Scene(solids, lights(next(keys)), camera(position, ROWS, COLUMNS))


def view(key: PRNGKeyArray) -> Float[Array, "3"]:
    """Draw the position of the camera."""
    return jnp.asarray(VIEW) + jr.uniform(key, (3,), minval=-0.5, maxval=0.5)


def place(
    key: PRNGKeyArray,
    kinds: Int[Array, " s"],
    radii: Float[np.ndarray, " r"],
    view: Float[Array, "3"],
    max_objects: int = MAX_OBJECTS,
) -> tuple[Int[Array, " k"], Float[Array, "k 3"], Float[Array, "k 3"], Float[Array, " k"]]:
    """Draw shape, centre, size and angle of objects, as the publishers' generator places them.

    - `kinds`, `radii`: to choose from.
    - `view`: position of the camera, along and across which objects keep a distance.
    """
    keys = iter(jr.split(key, 5))
    count = jr.randint(next(keys), (), MIN_OBJECTS, max_objects + 1)
    radius = jr.choice(next(keys), jnp.asarray(radii), (MAX_OBJECTS,))
    radius = jnp.where(np.arange(MAX_OBJECTS) < count, radius, 0)
    spot, is_there = scatter(
        radius, (-3.0, -3.0), (3.0, 3.0), gap=0.25, margin=0.4, angle=jnp.arctan2(view[1], view[0]),
        key=next(keys),
    )  # fmt: skip
    shape = jr.choice(next(keys), kinds, (MAX_OBJECTS,))
    # A box stands in the circle of its radius.
    half = jnp.maximum(jnp.where(shape == shapes.NUMBERS["box"], radius / 2**0.5, radius), 0.01)
    centre = jnp.concatenate([spot, half[:, None]], axis=1)
    angle = jr.uniform(next(keys), (MAX_OBJECTS,), maxval=2 * np.pi)
    return (
        jnp.where(is_there, shape, 0),
        centre,
        jnp.broadcast_to(half[:, None], (MAX_OBJECTS, 3)),
        angle,
    )


def camera(position: Float[Array, "3"], rows: tuple[int, int], columns: tuple[int, int]) -> Camera:
    """Return the camera, as far as models see its image."""
    return Camera(position, jnp.array([0.0, 0.0, 0.25]), *window(FIELD, WHOLE, rows, columns))


def lights(key: PRNGKeyArray) -> Lights:
    """The key light from the right, the fill light from the left; both jitter."""
    return make_lights(
        [[6.4, -1.0, 7.0], [-4.7, -5.0, 5.0]],
        1.0,
        strengths=(0.65, 0.3),
        ambient=0.42,
        horizon=(0.62,) * 3,
        sky=(0.85,) * 3,
        key=key,
    )


_SEEN = (ROWS[1] - ROWS[0]) * (COLUMNS[1] - COLUMNS[0])
_world = functools.partial(
    World, size=(128, 128), num_labels=1 + MAX_OBJECTS, min_share=MIN_PIXELS / _SEEN
)
WORLDS = {"full": _world(make), "clevr6": _world(functools.partial(make, max_objects=6))}
