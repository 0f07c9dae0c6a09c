"""The published form of the invariant attention: a vector for every slot and pixel.

It computes what `isa_eqx.projections` does, as the paper writes it. Tests and benchmarks measure
the fast form against it.
"""

from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float

from isa_eqx.grid_encoder import GridEncoder
from isa_eqx.projections import Projections

Tree = TypeVar("Tree")


class DirectProjections(Projections):
    """e_kn = E(x_n + P rel_kn), each made and kept."""

    encoder: GridEncoder
    vectors: Float[Array, "n d"]
    dtype: DTypeLike | None = eqx.field(static=True)

    def all(self, relative: Float[Array, "k n 2"]) -> Float[Array, "k n d"]:
        return jax.vmap(lambda grid: self.encoder(self.vectors, grid, self.dtype))(relative)

    def dot(self, queries, relative):
        return jnp.einsum("kd,knd->kn", queries, self.all(relative))

    def sum(self, weights, relative):
        return jnp.einsum("kn,knd->kd", weights, self.all(relative))


class DirectGridEncoder(GridEncoder):
    """The same weights, used directly."""

    def __init__(self, encoder: GridEncoder):
        self.position, self.mlp = encoder.position, encoder.mlp

    def relative(self, vectors, dtype=None):
        return DirectProjections(self, vectors, dtype)


def direct(model: Tree) -> Tree:
    """A model, or its attention, with the direct form in place of the fast one."""
    attention = getattr(model, "attention", model)
    encoder = DirectGridEncoder(attention.grid_encoder)
    return eqx.tree_at(lambda m: getattr(m, "attention", m).grid_encoder, model, encoder)
