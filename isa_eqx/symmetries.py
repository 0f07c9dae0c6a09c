"""The symmetries that give every slot a frame of reference.

A symmetry says how frames start, how a grid looks from inside a frame, and how a frame is
estimated from where its slot attends. Attention and decoder know nothing else about it.
"""

import abc
import dataclasses
import math
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .frames import Frame, identity
from .grid import (
    LARGEST_SPREAD,
    SMALLEST_SPREAD,
    principal_angle,
    rotated,
    rotation_matrix,
    weighted_mean,
    weighted_spread,
)

if TYPE_CHECKING:  # as Equinox documents it: a type checker knows the name in `typing` alone
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

# A frame's unit is five spreads: a typical image then lies within a few units of any object.
SCALE_UNIT = 5


class Symmetry(eqx.Module):
    """The group of movements under which a moved object stays the same object.

    - `fields`: those of a `Frame` that it uses; the others stay at the identity.
    """

    fields: AbstractClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        """Draw initial frames, one per slot."""

    @abc.abstractmethod
    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        """Return the (y, x) grid in the frame of each slot."""

    @abc.abstractmethod
    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        """Estimate frames from attention maps that sum to 1 over pixels."""


class NoSymmetry(Symmetry):
    """Plain Slot Attention (Locatello et al. 2020): every slot sees the absolute grid."""

    fields = ()

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        return identity(num_slots, dtype)

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return jnp.broadcast_to(grid, (*frames.position.shape[:-1], *grid.shape))

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        return identity(attention.shape[0], attention.dtype)


class Translation(Symmetry):
    """ISA-T (Biza et al. 2023, section 3): a frame is a position, the mean of the attention.

    Initial positions are uniform over the image and drawn afresh from the key of every call.
    """

    fields = ("position",)

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        position = _random_position(num_slots, dtype, _wanted(key))
        return dataclasses.replace(identity(num_slots, dtype), position=position)

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return _centred(grid, frames.position)

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        frames = identity(attention.shape[0], attention.dtype)
        return dataclasses.replace(frames, position=weighted_mean(attention, grid))


class TranslationScale(Symmetry):
    """ISA-TS (Biza et al. 2023, section 3): a scale too, the spread of the attention.

    Initial scales are N(0.1, 0.1), clipped to [0.001, 2]. The published code draws them from the
    bits that also give the positions; here they are independent.
    """

    fields = ("position", "scale")

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        position_key, scale_key = jr.split(_wanted(key))
        return dataclasses.replace(
            identity(num_slots, dtype),
            position=_random_position(num_slots, dtype, position_key),
            scale=_random_scale(num_slots, dtype, scale_key),
        )

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return _shrunk(_centred(grid, frames.position), frames.scale)

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        position = weighted_mean(attention, grid)
        scale = weighted_spread(attention, _centred(grid, position))
        frames = identity(attention.shape[0], attention.dtype)
        return dataclasses.replace(frames, position=position, scale=scale)


class TranslationScaleRotation(Symmetry):
    """ISA-TSR (Biza et al. 2023, section 3): also the attention's principal axes.

    The frame's axes are those within ±45° of the image's, and the scale is the spread along them.
    Initial angles are uniform within ±45°.
    """

    fields = ("position", "scale", "rotation")

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        position_key, scale_key, angle_key = jr.split(_wanted(key), 3)
        bound = math.pi / 4
        angle = jr.uniform(angle_key, (num_slots,), dtype, minval=-bound, maxval=bound)
        return Frame(
            position=_random_position(num_slots, dtype, position_key),
            scale=_random_scale(num_slots, dtype, scale_key),
            rotation=rotation_matrix(angle),
        )

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return _shrunk(rotated(_centred(grid, frames.position), frames.rotation), frames.scale)

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        position = weighted_mean(attention, grid)
        centred = _centred(grid, position)
        rotation = rotation_matrix(principal_angle(attention, centred))
        scale = weighted_spread(attention, rotated(centred, rotation))
        return Frame(position, scale, rotation)


def _wanted(key: PRNGKeyArray | None) -> PRNGKeyArray:
    if key is None:
        raise ValueError("Frames start at random: pass key=jax.random.key(…) or frames=….")
    return key


def _random_position(num_slots: int, dtype: DTypeLike, key: PRNGKeyArray) -> Float[Array, "k 2"]:
    return jr.uniform(key, (num_slots, 2), dtype, minval=-1, maxval=1)


def _random_scale(num_slots: int, dtype: DTypeLike, key: PRNGKeyArray) -> Float[Array, "k 2"]:
    scale = 0.1 + 0.1 * jr.normal(key, (num_slots, 2), dtype)
    return jnp.clip(scale, SMALLEST_SPREAD, LARGEST_SPREAD)


def _centred(grid: Float[Array, "n 2"], position: Float[Array, "k 2"]) -> Float[Array, "k n 2"]:
    return grid[None] - position[:, None]


def _shrunk(relative: Float[Array, "k n 2"], scale: Float[Array, "k 2"]) -> Float[Array, "k n 2"]:
    return relative / (SCALE_UNIT * scale[:, None])


SYMMETRIES: dict[str, type[Symmetry]] = {
    "sa": NoSymmetry,
    "isa-t": Translation,
    "isa-ts": TranslationScale,
    "isa-tsr": TranslationScaleRotation,
}


def make_symmetry(config: ISAConfig) -> Symmetry:
    """Return the symmetry of a configuration's variant."""
    return SYMMETRIES[config.variant]()
