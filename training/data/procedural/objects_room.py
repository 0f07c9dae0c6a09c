"""Procedural Objects Room: coloured solids before two walls and the sky (Kabra et al. 2019).

As in the release, labels 0 to 3 are sky, floor and walls, and objects come after them. It has at
most three objects to train on, and three test sets: none, four to six, four to six of one colour.
"""

import functools

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from . import shapes
from .camera import Camera
from .colours import random_colours
from .placement import scatter
from .scene import Lights, Scene, Solids, make_ground, make_lights, make_solids, together
from .world import World

SHAPES = np.array([shapes.NUMBERS[name] for name in ("box", "ellipsoid", "cylinder")], np.int32)
MAX_OBJECTS = 6
BACKGROUND = 4  # labels
WALL, HEIGHT, THICK = 3.0, 1.3, 0.1  # from the middle of the room to a wall; the wall's half size
FIELD = 0.62  # slope of the ray to the image's border
MIN_SHARE = 0.005  # share of the pixels


def make(
    key: PRNGKeyArray, min_objects: int = 1, max_objects: int = 3, one_colour: bool = False
) -> Scene:
    """Make a scene of `min_objects` to `max_objects` objects, which may share one colour."""
    keys = iter(jr.split(key, 10))
    number = np.arange(MAX_OBJECTS)
    count = jr.randint(next(keys), (), min_objects, max_objects + 1)
    half = jr.uniform(next(keys), (MAX_OBJECTS,), minval=0.3, maxval=0.6)
    radius = jnp.where(number < count, half * 2**0.5, 0.0)
    place, is_there = scatter(radius, (-1.6, -1.6), (1.8, 1.8), gap=0.1, key=next(keys))
    shape = jnp.where(is_there, jr.choice(next(keys), jnp.asarray(SHAPES), (MAX_OBJECTS,)), 0)
    colour = random_colours(MAX_OBJECTS, key=next(keys))
    colour = jnp.where(one_colour, colour[:1], colour)
    tall = half * jr.uniform(next(keys), (MAX_OBJECTS,), minval=0.8, maxval=1.4)
    objects = make_solids(
        shape,
        jnp.concatenate([place, tall[:, None]], axis=1),
        jnp.stack([half, half, tall], axis=1),
        label=jnp.asarray(BACKGROUND + number),
        colour=colour,
        angle=jr.uniform(next(keys), (MAX_OBJECTS,), maxval=2 * np.pi),
    )
    turn, shift = jr.uniform(next(keys), (2,), minval=-0.25, maxval=0.25)
    room_key, light_key = jr.split(next(keys))
    view = Camera(
        4.2 * jnp.stack([-jnp.cos(np.pi / 4 + turn), -jnp.sin(np.pi / 4 + turn), jnp.array(0.45)]),
        jnp.stack([shift, -shift, jnp.array(0.55)]),
        jnp.full(2, -FIELD),
        jnp.full(2, FIELD),
    )
    return Scene(together(_room(room_key), objects), _lights(light_key), view)


def _room(key: PRNGKeyArray) -> Solids:
    """Floor and walls; what is above them is the sky."""
    floor, *walls = random_colours(3, saturation=(0.3, 0.8), value=(0.45, 0.9), key=key)
    far = 20.0
    return together(
        make_ground(floor, label=1),
        make_solids(
            "box",
            jnp.array([[WALL + THICK, WALL - far, HEIGHT], [WALL - far, WALL + THICK, HEIGHT]]),
            jnp.array([[THICK, far, HEIGHT], [far, THICK, HEIGHT]]),
            label=jnp.array([2, 3]),
            colour=jnp.stack(walls),
        ),
    )


def _lights(key: PRNGKeyArray) -> Lights:
    return make_lights(
        [[-3.0, -1.0, 5.0], [-1.0, -4.0, 3.0]],
        1.0,
        strengths=(0.5, 0.2),
        ambient=0.45,
        horizon=(0.75, 0.87, 0.97),
        sky=(0.3, 0.5, 0.85),
        key=key,
    )


_world = functools.partial(
    World,
    size=(64, 64),
    num_labels=BACKGROUND + MAX_OBJECTS,
    background=BACKGROUND,
    min_share=MIN_SHARE,
)
WORLD = _world(make)
TESTS = {
    "empty_room": _world(functools.partial(make, min_objects=0, max_objects=0)),
    "six_objects": _world(functools.partial(make, min_objects=4, max_objects=6)),
    "identical_color": _world(
        functools.partial(make, min_objects=4, max_objects=6, one_colour=True)
    ),
}
