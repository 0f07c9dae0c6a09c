"""Procedural streets in place of Waymo Open's front camera (Sun et al. 2020).

A road between pavements and houses, with cars and pedestrians, which are the instances, and lamp
posts and trees, which are background as all else is.
"""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from . import shapes
from .camera import Camera
from .colours import random_colours
from .scene import (
    Lights,
    Scene,
    Solids,
    about_z,
    make_ground,
    make_lights,
    make_solids,
    together,
)
from .world import World

CARS, PEDESTRIANS = 6, 4
LANES = np.array([-6.2, -2.2, 2.2, 6.2], np.float32)  # metres across; parked cars in the outer ones
NEAR, FAR = 6.0, 33.0  # metres ahead
FIELD = 0.47
MIN_SHARE = 0.01  # share of the pixels, as of the labels that are scored

# Parts of a car that drives along y: shape, centre, half size. Wheels are flat ellipsoids.
CAR = [
    ("box", (0.0, 0.0, 0.72), (0.9, 2.1, 0.38)),
    ("box", (0.0, -0.2, 1.3), (0.75, 1.15, 0.3)),
    *(("ellipsoid", (x, y, 0.34), (0.14, 0.34, 0.34)) for x in (-0.85, 0.85) for y in (-1.3, 1.3)),
]
PERSON = [
    ("ellipsoid", (0.0, 0.0, 0.78), (0.26, 0.22, 0.78)),
    ("ellipsoid", (0.0, 0.0, 1.66), (0.15, 0.15, 0.17)),
]


def make(key: PRNGKeyArray) -> Scene:
    """Make a scene."""
    keys = iter(jr.split(key, 6))
    solids = together(_road(next(keys)), _cars(next(keys)), _people(next(keys)), _poles(next(keys)))
    sway = jr.uniform(next(keys), (2,), minval=-0.6, maxval=0.6)
    camera = Camera(
        jnp.stack([sway[0] + 2.0, jnp.array(0.0), jnp.array(2.1)]),
        jnp.stack([sway[0] + sway[1] + 2.0, jnp.array(20.0), jnp.array(1.3)]),
        jnp.array([-FIELD * 2 / 3, -FIELD]),
        jnp.array([FIELD * 2 / 3, FIELD]),
    )
    return Scene(solids, _lights(next(keys)), camera)


def _road(key: PRNGKeyArray) -> Solids:
    """Asphalt, pavements, lane markings, and a row of houses on either side."""
    keys = iter(jr.split(key, 4))
    side = np.array([-1, 1] * 3, np.float32)
    ahead = np.repeat(np.arange(3, dtype=np.float32), 2) * 16 + 10
    height = jr.uniform(next(keys), (6,), minval=2.5, maxval=7.0)
    houses = make_solids(
        "box",
        jnp.stack([jnp.asarray(side) * 16.0, jnp.asarray(ahead), height], axis=1),
        jnp.stack([jnp.full(6, 4.5), jnp.full(6, 7.6), height], axis=1),
        label=0,
        colour=random_colours(6, saturation=(0.1, 0.5), value=(0.4, 0.8), key=next(keys)),
        second=(0.75, 0.75, 0.72),
        texture="bricks",
        frequency=0.5,
    )
    marks = np.array([[0.0, y, 0.0] for y in range(8, 44, 7)], np.float32)
    return together(
        make_ground(
            (0.26, 0.26, 0.28), second=(0.34, 0.34, 0.35), texture="noise", frequency=0.7
        ),
        make_solids(
            "box",
            jnp.array([[-10.2, 40.0, 0.0], [10.2, 40.0, 0.0]]),
            jnp.array([[2.2, 60.0, 0.15], [2.2, 60.0, 0.15]]),
            label=0,
            colour=0.55,
        ),
        make_solids(
            "box", jnp.asarray(marks), jnp.broadcast_to(jnp.array([0.09, 1.6, 0.01]), marks.shape),
            label=0, colour=0.9,
        ),
        houses,
    )  # fmt: skip


def _cars(key: PRNGKeyArray) -> Solids:
    keys = iter(jr.split(key, 5))
    count = jr.randint(next(keys), (), 3, CARS + 1)
    lane = jr.choice(next(keys), jnp.asarray(LANES), (CARS,))
    # One behind another, so that none overlap.
    step = (FAR - NEAR) / CARS
    order = np.arange(CARS, dtype=np.float32)
    ahead = NEAR + step * (order + jr.uniform(next(keys), (CARS,), maxval=0.1))
    place = jnp.stack([lane, ahead, jnp.zeros(CARS)], axis=1)
    paint = random_colours(CARS, saturation=(0.0, 0.9), value=(0.15, 0.95), key=next(keys))
    chosen = jr.permutation(next(keys), CARS) < count
    dark = jnp.array([0.08, 0.09, 0.11])
    colour = jnp.stack([paint] + [jnp.broadcast_to(dark, paint.shape)] * 5, axis=1)
    metal = np.array([0.5, 0.6, 0, 0, 0, 0], np.float32)
    angle = jnp.where(lane < 0, np.pi, 0.0)
    return _copies(CAR, place, angle, chosen, 1, colour, metal)


def _people(key: PRNGKeyArray) -> Solids:
    keys = iter(jr.split(key, 4))
    side = jr.choice(next(keys), jnp.array([-4.2, 0.0, 4.2]), (PEDESTRIANS,))
    ahead = jr.uniform(next(keys), (PEDESTRIANS,), minval=6.5, maxval=12)
    place = jnp.stack([side, ahead, jnp.zeros(PEDESTRIANS)], axis=1)
    clothes = random_colours(PEDESTRIANS, saturation=(0.1, 0.7), value=(0.15, 0.8), key=next(keys))
    skin = jnp.broadcast_to(jnp.array([0.75, 0.55, 0.42]), clothes.shape)
    chosen = jr.bernoulli(next(keys), 0.6, (PEDESTRIANS,))
    colour = jnp.stack([clothes, skin], axis=1)
    return _copies(
        PERSON, place, jnp.zeros(PEDESTRIANS), chosen, 1 + CARS, colour, np.zeros(2, np.float32)
    )


def _poles(key: PRNGKeyArray) -> Solids:
    """Lamp posts, and the crowns of trees."""
    ahead = jnp.array([9.0, 17.0, 25.0, 33.0]) + jr.uniform(key, (4,), maxval=4)
    side = jnp.array([-8.4, 8.4, -8.4, 8.4])
    posts = jnp.stack([side, ahead, jnp.full(4, 2.0)], axis=1)
    crowns = jnp.stack([side * 1.1, ahead, jnp.full(4, 4.4)], axis=1)
    return together(
        make_solids(
            "cylinder", posts, jnp.broadcast_to(jnp.array([0.1, 0.1, 2.0]), (4, 3)), label=0,
            colour=(0.3, 0.27, 0.25),
        ),
        make_solids(
            "ellipsoid", crowns, jnp.broadcast_to(jnp.array([1.3, 1.3, 1.5]), (4, 3)), label=0,
            colour=(0.1, 0.24, 0.08), second=(0.25, 0.42, 0.15), texture="noise", frequency=2.0,
        ),
    )  # fmt: skip


def _copies(
    parts: list[tuple[str, tuple[float, ...], tuple[float, ...]]],
    place: Float[Array, "k 3"],
    angle: Float[Array, " k"],
    is_there: Array,
    label: int,
    colour: Float[Array, "k p 3"],
    metal: Float[np.ndarray, " p"],
) -> Solids:
    """Return copies of an object, the first of which has a label, and so on."""
    count, size = len(place), len(parts)
    shape = jnp.array([shapes.NUMBERS[part[0]] for part in parts])
    centre = jnp.einsum("kij,pj->kpi", about_z(angle), jnp.array([part[1] for part in parts]))
    return make_solids(
        jnp.where(is_there[:, None], shape[None], 0).reshape(-1),
        (centre + place[:, None]).reshape(-1, 3),
        jnp.tile(jnp.array([part[2] for part in parts]), (count, 1)),
        label=jnp.asarray(label + np.arange(count).repeat(size)),
        colour=colour.reshape(-1, 3),
        metal=jnp.tile(jnp.asarray(metal), count),
        angle=jnp.repeat(angle, size),
    )


def _lights(key: PRNGKeyArray) -> Lights:
    return make_lights(
        [[-0.6, -0.7, 1.2], [0.4, -1.0, 0.6]],
        0.3,
        strengths=(0.6, 0.2),
        ambient=0.5,
        horizon=(0.85, 0.9, 0.95),
        sky=(0.4, 0.6, 0.9),
        key=key,
    )


WORLD = World(make, (128, 192), 1 + CARS + PEDESTRIANS, min_share=MIN_SHARE)
