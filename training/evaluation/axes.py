"""What frames of different symmetries have in common: two spreads, and a longer axis."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from isa_eqx import Frame

ELONGATED = 1.25  # ratio of its spreads from which on an object has a longer axis


def pixels_per_unit(height: int, width: int) -> Float[Array, "1 2"]:
    """Return how many pixels a unit of the grid is along (y, x): ±1 are the centres of corners."""
    return (jnp.asarray([[height, width]], jnp.float32) - 1) / 2


def sorted_scale(frames: Frame) -> Float[Array, "*k 2"]:
    """Return the spreads along the frames' own axes, the smaller one first."""
    return jnp.sort(frames.scale, axis=-1)


def upright_scale(frames: Frame) -> Float[Array, "*k 2"]:
    """Return the (y, x) spreads along the image's axes of what has these along the frames' own."""
    # The columns of a rotation are axes in (x, y), scales are along (y, x).
    along_xy = jnp.square(frames.rotation * frames.scale[..., None, ::-1]).sum(axis=-1)
    return jnp.sqrt(along_xy[..., ::-1])


def longer_axis(frames: Frame) -> Float[Array, "*k"]:
    """Return the angle of the axis with the larger spread, in radians from x to y, up to π."""
    angle = jnp.arctan2(frames.rotation[..., 1, 0], frames.rotation[..., 0, 0])
    return angle + jnp.where(frames.scale[..., 0] > frames.scale[..., 1], math.pi / 2, 0)


def is_elongated(frames: Frame) -> Bool[Array, "*k"]:
    """Return whether an object has a longer axis: its spreads differ by a quarter or more."""
    scale = sorted_scale(frames)
    return scale[..., 1] >= ELONGATED * scale[..., 0]


def axis_error(a: Float[Array, "*k"], b: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """Return the angle between two axes, in degrees, at most 90: an axis has no direction."""
    apart = jnp.mod(a - b, math.pi)
    return jnp.rad2deg(jnp.minimum(apart, math.pi - apart))


def axis_vector(angle: Float[Array, "*k"]) -> Float[Array, "*k 2"]:
    """Return the unit vector at twice the angle, which is the same for an axis turned by π."""
    return jnp.stack([jnp.cos(2 * angle), jnp.sin(2 * angle)], axis=-1)
