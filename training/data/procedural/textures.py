"""Procedural textures: patterns from 0 to 1 at points in a solid's own coordinates, (3, n)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

Points = Float[Array, "3 n"]
Pattern = Float[Array, " n"]

NUDGE = 1e-3  # keeps faces at whole numbers on one side of them


def plain(point: Points) -> Pattern:
    """A single colour."""
    return jnp.zeros_like(point[0])


def checker(point: Points) -> Pattern:
    """Cubes of two colours in turn."""
    return jnp.floor(point + NUDGE).sum(axis=0) % 2


def stripes(point: Points) -> Pattern:
    """Layers of two colours in turn, oblique to all axes."""
    return jnp.floor(point[0] + 0.6 * point[1] + 1.1 * point[2]) % 2


def bricks(point: Points) -> Pattern:
    """Bricks twice as long as high in one colour, the joints between them in the other."""
    layer = 2 * point[2] + NUDGE
    along = point[0] + point[1] + NUDGE + 0.5 * (jnp.floor(layer) % 2)
    return ((along % 1 < 0.08) | (layer % 1 < 0.16)).astype(point.dtype)


def noise(point: Points) -> Pattern:
    """Clouds: three octaves of value noise."""
    octaves = [_value_noise(point * 2.0**n) / 2.0**n for n in range(3)]
    return jnp.clip(2 * (octaves[0] + octaves[1] + octaves[2]) / 1.75 - 0.5, 0, 1)


def marble(point: Points) -> Pattern:
    """Veins: a wave that noise bends."""
    return jnp.abs(jnp.sin(2 * (point[0] + point[2]) + 5 * _value_noise(point)))


def wood(point: Points) -> Pattern:
    """Rings around the z axis that noise bends."""
    radius = jnp.sqrt(point[0] * point[0] + point[1] * point[1])
    return (2 * radius + 0.8 * _value_noise(point)) % 1


def _value_noise(point: Points) -> Pattern:
    """Random values at whole numbers, interpolated smoothly."""
    corner = jnp.floor(point)
    inside = point - corner
    weight = inside * inside * (3 - 2 * inside)
    total = jnp.zeros_like(point[0])
    for offset in np.ndindex(2, 2, 2):
        at = corner.astype(jnp.int32) + np.array(offset, np.int32)[:, None]
        share = jnp.where(np.array(offset, bool)[:, None], weight, 1 - weight)
        total += _random(at) * share[0] * share[1] * share[2]
    return total


def _random(cell: Int[Array, "3 n"]) -> Pattern:
    """A hash of whole coordinates, in [0, 1]."""
    x, y, z = jax.lax.bitcast_convert_type(cell, jnp.uint32)
    mixed = x * np.uint32(374761393) + y * np.uint32(668265263) + z * np.uint32(2246822519)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(1274126177)
    return ((mixed ^ (mixed >> np.uint32(16))) & np.uint32(0xFFFF)).astype(jnp.float32) / 0xFFFF


TEXTURES: dict[str, Callable[[Points], Pattern]] = {
    "plain": plain,
    "checker": checker,
    "stripes": stripes,
    "bricks": bricks,
    "noise": noise,
    "marble": marble,
    "wood": wood,
}
NUMBERS = {name: number for number, name in enumerate(TEXTURES)}


def patterns(texture: Int[Array, " n"], point: Points) -> Pattern:
    """Return the pattern of a texture of its own, of `NUMBERS`, at each point.

    A texture that no point has is not computed, where that can be left out.
    """
    found = jnp.zeros_like(point[0])
    for name, pattern in TEXTURES.items():
        has = texture == NUMBERS[name]
        found = jnp.where(has, jax.lax.cond(jnp.any(has), pattern, plain, point), found)
    return found
