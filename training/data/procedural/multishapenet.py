"""Procedural MultiShapeNet-Easy: two to four pieces of furniture on grey ground.

They are made of boxes and cylinders, in place of ShapeNet's chairs, tables and cabinets (Stelzner
et al. 2021), and seen from any side.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from . import shapes
from .camera import Camera, window
from .colours import random_colours
from .placement import scatter
from .scene import Lights, Scene, about_z, make_ground, make_lights, make_solids, together
from .world import World

MIN_OBJECTS, MAX_OBJECTS = 2, 4
PARTS = 7
WHOLE, ROWS, COLUMNS = (240, 320), (0, 240), (40, 280)
FIELD = 0.52
MIN_SHARE = 0.005  # share of the pixels

# Of every part: shape, centre (x, y, z), half size, and which of the piece's two colours it has.
Part = tuple[str, Sequence[float | int], Sequence[float | int], int]


def _legs(x: float, y: float, top: float, half: float) -> list[Part]:
    corners = [(sx * x, sy * y, top / 2) for sx in (-1, 1) for sy in (-1, 1)]
    return [("box", corner, (half, half, top / 2), 1) for corner in corners]


FURNITURE: tuple[list[Part], ...] = (
    # Chairs, of two kinds.
    [
        ("box", (0, 0, 0.45), (0.26, 0.26, 0.04), 0),
        ("box", (0, 0.24, 0.75), (0.26, 0.03, 0.3), 0),
        *_legs(0.22, 0.22, 0.45, 0.03),
    ],
    [
        ("box", (0, 0, 0.3), (0.34, 0.3, 0.16), 0),
        ("box", (0, 0.26, 0.55), (0.34, 0.08, 0.32), 0),
        ("box", (-0.36, 0, 0.36), (0.07, 0.32, 0.24), 1),
        ("box", (0.36, 0, 0.36), (0.07, 0.32, 0.24), 1),
    ],
    # Tables, square and round.
    [("box", (0, 0, 0.52), (0.5, 0.34, 0.03), 0), *_legs(0.44, 0.28, 0.5, 0.035)],
    [
        ("cylinder", (0, 0, 0.52), (0.42, 0.42, 0.03), 0),
        ("cylinder", (0, 0, 0.26), (0.05, 0.05, 0.26), 1),
        ("cylinder", (0, 0, 0.03), (0.24, 0.24, 0.03), 1),
    ],
    # Cabinets, low and high.
    [
        ("box", (0, 0, 0.3), (0.5, 0.22, 0.3), 0),
        ("box", (-0.25, -0.22, 0.3), (0.22, 0.02, 0.25), 1),
        ("box", (0.25, -0.22, 0.3), (0.22, 0.02, 0.25), 1),
    ],
    [
        ("box", (0, 0, 0.55), (0.3, 0.22, 0.55), 0),
        ("box", (0, -0.22, 0.3), (0.26, 0.02, 0.24), 1),
        ("box", (0, -0.22, 0.82), (0.26, 0.02, 0.22), 1),
    ],
)


def _filled(parts: list[Part]) -> list[Part]:
    """Return the parts, filled up with nothing to `PARTS`."""
    nothing: Part = ("nothing", (0, 0, 0), (0.01, 0.01, 0.01), 0)
    return parts + [nothing] * (PARTS - len(parts))


_ALL = [_filled(parts) for parts in FURNITURE]
SHAPES = np.array([[shapes.NUMBERS[part[0]] for part in parts] for parts in _ALL], np.int32)
PLACES = np.array([[part[1] for part in parts] for parts in _ALL], np.float32)
SIZES = np.array([[part[2] for part in parts] for parts in _ALL], np.float32)
COLOURED = np.array([[part[3] for part in parts] for parts in _ALL], np.int32)


def make(key: PRNGKeyArray) -> Scene:
    """Make a scene."""
    keys = iter(jr.split(key, 9))
    number = np.arange(MAX_OBJECTS)
    kind = jr.randint(next(keys), (MAX_OBJECTS,), 0, len(FURNITURE))
    stretch = jr.uniform(next(keys), (MAX_OBJECTS, 1, 3), minval=0.9, maxval=1.4)
    count = jr.randint(next(keys), (), MIN_OBJECTS, MAX_OBJECTS + 1)
    reach = jnp.linalg.norm(jnp.asarray(PLACES + SIZES)[..., :2], axis=-1).max(axis=1)
    radius = jnp.where(number < count, reach[kind] * stretch[:, 0].max(axis=1), 0)
    spot, is_there = scatter(radius, (-1.6, -1.6), (1.6, 1.6), gap=0.05, key=next(keys))
    angle = jr.uniform(next(keys), (MAX_OBJECTS,), maxval=2 * np.pi)
    centre = jnp.asarray(PLACES)[kind] * stretch
    centre = jnp.einsum("kij,kpj->kpi", about_z(angle), centre)
    centre += jnp.concatenate([spot, jnp.zeros((MAX_OBJECTS, 1))], axis=1)[:, None]
    colours = random_colours(
        2 * MAX_OBJECTS, saturation=(0.05, 0.6), value=(0.25, 0.9), key=next(keys)
    )
    owner = number.repeat(PARTS)
    solids = make_solids(
        jnp.where(is_there[:, None], jnp.asarray(SHAPES)[kind], 0).reshape(-1),
        centre.reshape(-1, 3),
        (jnp.asarray(SIZES)[kind] * stretch).reshape(-1, 3),
        label=jnp.asarray(owner + 1),
        colour=colours[2 * owner + jnp.asarray(COLOURED)[kind].reshape(-1)],
        angle=angle[owner],
    )
    solids = together(make_ground(0.72), solids)
    return Scene(solids, _lights(next(keys)), _camera(next(keys)))


def _camera(key: PRNGKeyArray) -> Camera:
    turn, height = jr.uniform(key, (2,), minval=jnp.zeros(2), maxval=jnp.array([2 * np.pi, 1.0]))
    position = jnp.stack([4.6 * jnp.cos(turn), 4.6 * jnp.sin(turn), 2.6 + height])
    target = jnp.array([0.0, 0.0, 0.35])
    return Camera(position, target, *window(FIELD, WHOLE, ROWS, COLUMNS))


def _lights(key: PRNGKeyArray) -> Lights:
    return make_lights(
        [[0.0, 0.0, 2.0], [0.0, 0.0, 2.0]],
        1.0,
        strengths=(0.4, 0.2),
        ambient=0.5,
        horizon=(0.8,) * 3,
        sky=(0.95,) * 3,
        key=key,
    )


WORLD = World(make, (128, 128), 1 + MAX_OBJECTS, min_share=MIN_SHARE)
