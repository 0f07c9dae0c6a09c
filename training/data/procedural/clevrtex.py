"""Procedural CLEVRTex: textured solids on textured ground (Karazija et al. 2021).

Its variants, as in the release: `full`; `camo`, whose objects have the texture of the ground; `pbg`
with plain ground; `outd` with a shape and textures that the others do not have.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Int, PRNGKeyArray

from . import shapes, textures
from .clevr import MAX_OBJECTS, MIN_PIXELS, camera, lights, place, view
from .colours import random_colours
from .scene import Scene, make_ground, make_solids, together
from .world import World

RADII = np.array([0.45, 0.65, 0.9], np.float32)
ROWS, COLUMNS = (24, 216), (64, 256)


def _numbers(known: dict[str, int], *names: str) -> Int[np.ndarray, " n"]:
    return np.array([known[name] for name in names], np.int32)


SHAPES = _numbers(shapes.NUMBERS, "box", "ellipsoid", "cylinder")
UNSEEN_SHAPES = _numbers(shapes.NUMBERS, "cone", "box", "ellipsoid", "cylinder")
TEXTURES = _numbers(textures.NUMBERS, "checker", "stripes", "noise", "wood")
UNSEEN_TEXTURES = _numbers(textures.NUMBERS, "bricks", "marble")


def make(key: PRNGKeyArray, variant: str = "full") -> Scene:
    """Make a scene of a variant."""
    keys = iter(jr.split(key, 10))
    is_new = variant == "outd"
    position = view(next(keys))
    kinds = jnp.asarray(UNSEEN_SHAPES if is_new else SHAPES)
    shape, centre, half, angle = place(next(keys), kinds, RADII, position)
    count = 1 + MAX_OBJECTS  # the ground first
    texture = jr.choice(next(keys), jnp.asarray(UNSEEN_TEXTURES if is_new else TEXTURES), (count,))
    first = random_colours(count, saturation=(0.2, 0.9), value=(0.15, 0.9), key=next(keys))
    second = random_colours(count, saturation=(0.2, 0.9), value=(0.3, 1.0), key=next(keys))
    frequency = jr.uniform(next(keys), (count,), minval=1.2, maxval=3.0)
    if is_new:  # bricks have no pattern on level ground
        texture = texture.at[0].set(textures.NUMBERS["marble"])
    if variant == "camo":
        texture, first, second, frequency = jax.tree.map(
            lambda x: jnp.broadcast_to(x[:1], x.shape), (texture, first, second, frequency)
        )
    if variant == "pbg":
        texture = texture.at[0].set(textures.NUMBERS["plain"])
    looks: dict[str, Any] = dict(texture=texture, colour=first, second=second, frequency=frequency)
    ground = make_ground(**{name: x[:1] for name, x in looks.items()})
    objects = make_solids(
        shape,
        centre,
        half,
        label=jnp.arange(1, count),
        angle=angle,
        **{name: x[1:] for name, x in looks.items()},
    )
    return Scene(together(ground, objects), lights(next(keys)), camera(position, ROWS, COLUMNS))


_SEEN = (ROWS[1] - ROWS[0]) * (COLUMNS[1] - COLUMNS[0])
WORLDS = {
    variant: World(
        functools.partial(make, variant=variant),
        (128, 128),
        1 + MAX_OBJECTS,
        min_share=MIN_PIXELS / _SEEN,
    )
    for variant in ("full", "camo", "pbg", "outd")
}
