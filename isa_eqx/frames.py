"""Frames of reference, and the symmetries that give every slot one.

A symmetry says how frames start, how a grid looks from inside a frame, and how a frame is
estimated from where its slot attends. Attention and decoder know nothing else about it.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .grid import weighted_mean


class Frame(eqx.Module):
    """Where each slot's object is; what a symmetry does not use stays at the identity.

    - `position`: (y, x) in grid units: the image's corners lie at ±1. Identity: 0.
    - `scale`: spread along the frame's (y, x) axes, in grid units. Identity: 1.
    - `rotation`: orthogonal, its columns the frame's axes in (x, y). Identity: I.
    """

    position: Float[Array, "*k 2"]
    scale: Float[Array, "*k 2"]
    rotation: Float[Array, "*k 2 2"]


def identity(num_slots: int, dtype: DTypeLike = jnp.float32) -> Frame:
    """`num_slots` frames at the image's centre, unscaled and unrotated."""
    return Frame(
        position=jnp.zeros((num_slots, 2), dtype),
        scale=jnp.ones((num_slots, 2), dtype),
        rotation=jnp.tile(jnp.eye(2, dtype=dtype), (num_slots, 1, 1)),
    )


class Symmetry(eqx.Module):
    """The group of movements under which a moved object stays the same object."""

    is_invariant: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        """Random frames, one per slot, to start attending from."""

    @abc.abstractmethod
    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        """The (y, x) grid as each slot sees it from inside its frame."""

    @abc.abstractmethod
    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        """The frames of attention maps that sum to one over pixels."""


class NoSymmetry(Symmetry):
    """Plain Slot Attention (Locatello et al. 2020): every slot sees the absolute grid."""

    is_invariant = False

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        return identity(num_slots, dtype)

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return jnp.broadcast_to(grid, (*frames.position.shape[:-1], *grid.shape))

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        return identity(attention.shape[0], attention.dtype)


class Translation(Symmetry):
    """ISA-T (Biza et al. 2023, section 3.2): a frame is a position, the mean of the attention.

    Initial positions are uniform over the image and drawn afresh from the key of every call.
    """

    is_invariant = True

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        if key is None:
            raise ValueError("Frames start at random: pass key=jax.random.key(…) or frames=….")
        position = jr.uniform(key, (num_slots, 2), dtype, minval=-1, maxval=1)
        return eqx.tree_at(lambda f: f.position, identity(num_slots, dtype), position)

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return grid[None] - frames.position[:, None]

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        frames = identity(attention.shape[0], attention.dtype)
        return eqx.tree_at(lambda f: f.position, frames, weighted_mean(attention, grid))


SYMMETRIES = {"sa": NoSymmetry, "isa-t": Translation}


def symmetry(config: ISAConfig) -> Symmetry:
    """The symmetry of a variant."""
    return SYMMETRIES[config.variant]()
