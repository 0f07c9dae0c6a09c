"""Procedural CLEVR: three to ten solids on grey ground (Johnson et al. 2017).

Shapes, sizes, colours, materials, camera and distances are those of the publishers' generator; the
images are ray cast instead of path traced.
"""

import functools

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from . import shapes
from .camera import Camera, unit, window
from .placement import scatter
from .scene import Lights, Scene, make_solids, together
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
FEWEST, MOST = 3, 10
VIEW = np.array([7.48, -6.5, 5.34], np.float32)
FIELD = 16 / 35  # a sensor 32 mm wide behind a lens of 35 mm
WHOLE, ROWS, COLUMNS = (240, 320), (29, 221), (64, 256)  # of which models see a part
LEAST_PIXELS = 200  # of the whole


def make(key: PRNGKeyArray, most: int = MOST) -> Scene:
    """Make a scene with at most `most` objects."""
    keys = iter(jr.split(key, 5))
    position = view(next(keys))
    shape, centre, size, angle = place(next(keys), jnp.asarray(SHAPES), RADII, position, most)
    colour_key, metal_key = jr.split(next(keys))
    objects = make_solids(
        shape,
        centre,
        size,
        label=jnp.arange(1, MOST + 1),
        colour=jr.choice(colour_key, jnp.asarray(COLOURS), (MOST,)),
        metal=jr.bernoulli(metal_key, 0.5, (MOST,)),
        angle=angle,
    )
    ground = make_solids("plane", jnp.zeros((1, 3)), jnp.ones((1, 3)), label=0, colour=0.55)
    camera = Camera(position, jnp.array([0.0, 0.0, 0.25]), *window(FIELD, WHOLE, ROWS, COLUMNS))
    return Scene(together(ground, objects), lights(next(keys)), camera)


def view(key: PRNGKeyArray) -> Float[Array, "3"]:
    """Draw the position of the camera."""
    return jnp.asarray(VIEW) + jr.uniform(key, (3,), minval=-0.5, maxval=0.5)


def place(
    key: PRNGKeyArray,
    kinds: Int[Array, " s"],
    radii: Float[np.ndarray, " r"],
    view: Float[Array, "3"],
    most: int = MOST,
) -> tuple[Int[Array, " k"], Float[Array, "k 3"], Float[Array, "k 3"], Float[Array, " k"]]:
    """Draw shape, centre, size and angle of objects, as the publishers' generator places them.

    - `kinds`, `radii`: to choose from.
    - `view`: position of the camera, along and across which objects keep a distance.
    """
    keys = iter(jr.split(key, 5))
    count = jr.randint(next(keys), (), FEWEST, most + 1)
    radius = jr.choice(next(keys), jnp.asarray(radii), (MOST,))
    radius = jnp.where(np.arange(MOST) < count, radius, 0)
    spot, is_there = scatter(
        radius, (-3.0, -3.0), (3.0, 3.0), gap=0.25, margin=0.4, angle=jnp.arctan2(view[1], view[0]),
        key=next(keys),
    )  # fmt: skip
    shape = jr.choice(next(keys), kinds, (MOST,))
    # A box stands in the circle of its radius.
    half = jnp.maximum(jnp.where(shape == shapes.NUMBERS["box"], radius / 2**0.5, radius), 0.01)
    centre = jnp.concatenate([spot, half[:, None]], axis=1)
    angle = jr.uniform(next(keys), (MOST,), maxval=2 * np.pi)
    return jnp.where(is_there, shape, 0), centre, jnp.broadcast_to(half[:, None], (MOST, 3)), angle


def lights(key: PRNGKeyArray) -> Lights:
    """The key light from the right, the fill light from the left; both jitter."""
    towards = jnp.array([[6.4, -1.0, 7.0], [-4.7, -5.0, 5.0]])
    towards += jr.uniform(key, (2, 3), minval=-1, maxval=1)
    return Lights(
        directions=unit(towards.T).T,
        strengths=jnp.array([0.65, 0.3]),
        ambient=jnp.array(0.42),
        horizon=jnp.full(3, 0.62),
        sky=jnp.full(3, 0.85),
    )


_SEEN = (ROWS[1] - ROWS[0]) * (COLUMNS[1] - COLUMNS[0])
_world = functools.partial(World, size=(128, 128), num_labels=1 + MOST, least=LEAST_PIXELS / _SEEN)
WORLDS = {"full": _world(make), "clevr6": _world(functools.partial(make, most=6))}
