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
from .camera import Camera, unit
from .colours import random_colours
from .placement import scatter
from .scene import Lights, Scene, make_solids, together
from .world import World

SHAPES = np.array([shapes.NUMBERS[name] for name in ("box", "ellipsoid", "cylinder")], np.int32)
MOST = 6
BACKGROUND = 4  # labels
WALL, HEIGHT, THICK = 3.0, 1.3, 0.1  # from the middle of the room to a wall; the wall's half size
FIELD = 0.62  # slope of the ray to the image's border


def make(key: PRNGKeyArray, fewest: int = 1, most: int = 3, one_colour: bool = False) -> Scene:
    """Make a scene with `fewest` to `most` objects, all of one colour or each of its own."""
    keys = iter(jr.split(key, 10))
    number = np.arange(MOST)
    count = jr.randint(next(keys), (), fewest, most + 1)
    half = jr.uniform(next(keys), (MOST,), minval=0.3, maxval=0.6)
    radius = jnp.where(number < count, half * 2**0.5, 0.0)
    place, is_there = scatter(radius, (-1.6, -1.6), (1.8, 1.8), gap=0.1, key=next(keys))
    shape = jnp.where(is_there, jr.choice(next(keys), jnp.asarray(SHAPES), (MOST,)), 0)
    colour = random_colours(MOST, key=next(keys))
    colour = jnp.where(one_colour, colour[:1], colour)
    tall = half * jr.uniform(next(keys), (MOST,), minval=0.8, maxval=1.4)
    objects = make_solids(
        shape,
        jnp.concatenate([place, tall[:, None]], axis=1),
        jnp.stack([half, half, tall], axis=1),
        label=jnp.asarray(BACKGROUND + number),
        colour=colour,
        angle=jr.uniform(next(keys), (MOST,), maxval=2 * np.pi),
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


def _room(key: PRNGKeyArray):
    """Floor and walls; what is above them is the sky."""
    floor, *walls = random_colours(3, saturation=(0.3, 0.8), value=(0.45, 0.9), key=key)
    far = 20.0
    ground = make_solids("plane", jnp.zeros((1, 3)), jnp.ones((1, 3)), label=1, colour=floor)
    return together(
        ground,
        make_solids(
            "box",
            jnp.array([[WALL + THICK, WALL - far, HEIGHT], [WALL - far, WALL + THICK, HEIGHT]]),
            jnp.array([[THICK, far, HEIGHT], [far, THICK, HEIGHT]]),
            label=jnp.array([2, 3]),
            colour=jnp.stack(walls),
        ),
    )


def _lights(key: PRNGKeyArray) -> Lights:
    towards = jnp.array([[-3.0, -1.0, 5.0], [-1.0, -4.0, 3.0]])
    towards += jr.uniform(key, (2, 3), minval=-1, maxval=1)
    return Lights(
        directions=unit(towards.T).T,
        strengths=jnp.array([0.5, 0.2]),
        ambient=jnp.array(0.45),
        horizon=jnp.array([0.75, 0.87, 0.97]),
        sky=jnp.array([0.3, 0.5, 0.85]),
    )


_world = functools.partial(
    World, size=(64, 64), num_labels=BACKGROUND + MOST, background=BACKGROUND
)
WORLDS = {"train": _world(make)}
TESTS = {
    "empty_room": _world(functools.partial(make, fewest=0, most=0)),
    "six_objects": _world(functools.partial(make, fewest=4, most=6)),
    "identical_color": _world(
        functools.partial(make, fewest=4, most=6, one_colour=True), least=0.005
    ),
}
