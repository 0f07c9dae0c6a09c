"""Keys and values of attention: the same for all slots, or relative to each slot's frame."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .layers import NORM_EPSILON, weight_and_bias


class Projections(eqx.Module):
    """A vector e_kn for every slot k and pixel n, given by its products and never materialised."""

    @abc.abstractmethod
    def dot(
        self, queries: Float[Array, "k d"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k n"]:
        """Return q_k · e_kn, with pixel n at `relative[k, n]` in the frame of slot k."""

    @abc.abstractmethod
    def sum(
        self, weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k d"]:
        """Return Σₙ w_kn e_kn; arguments as of `dot`."""


class AbsoluteProjections(Projections):
    """The same vector for every slot: plain Slot Attention."""

    vectors: Float[Array, "n d"]

    def dot(
        self, queries: Float[Array, "k d"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k n"]:
        return queries @ self.vectors.T

    def sum(
        self, weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k d"]:
        return weights @ self.vectors


class RelativeProjections(Projections):
    """e_kn = E(x_n + P rel_kn), without a matrix product per slot and pixel.

    The input of E's layer norm, once centred, is affine in the 2-vector rel, and its variance v_kn
    is quadratic in it. So W₁ of the normalised input is (A_n + B rel) / s + c with s = √(v + ε):
    elementwise, with A computed once per image for all slots and rounds. As 1/s is positive it
    moves out of the relu, and W₂ acts on products with vectors of slots, never on pixels:

        e_kn = W₂ relu(A_n + B rel_kn + c s_kn) / s_kn + b₂
    """

    offset: Float[Array, "n m"]
    slopes: Float[Array, "3 m"]
    square: Float[Array, " n"]
    cross: Float[Array, "n 2"]
    gram: Float[Array, "2 2"]
    out: eqx.nn.Linear

    def dot(
        self, queries: Float[Array, "k d"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k n"]:
        weight, bias = weight_and_bias(self.out)
        hidden, scale = self._hidden(relative)
        return _dot(queries @ weight, hidden) * scale + (queries @ bias)[:, None]

    def sum(
        self, weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k d"]:
        weight, bias = weight_and_bias(self.out)
        hidden, scale = self._hidden(relative)
        total = _sum(weights * scale, hidden)
        return total @ weight.T + weights.sum(axis=1, keepdims=True) * bias[None]

    def _hidden(self, relative: Float[Array, "k n 2"]) -> tuple["_Hidden", Float[Array, "k n"]]:
        """Return relu(A + B rel + c s), unevaluated, and 1/s."""
        y, x = relative[..., 0], relative[..., 1]
        linear = self.cross[None, :, 0] * y + self.cross[None, :, 1] * x
        square = self.gram[0, 0] * y * y + 2 * self.gram[0, 1] * y * x + self.gram[1, 1] * x * x
        variance = self.square[None] + linear + square
        spread = jnp.sqrt(jnp.maximum(variance, 0) + NORM_EPSILON)
        return _Hidden(self.offset, jnp.stack([y, x, spread], axis=1), self.slopes), 1 / spread


class _Hidden(eqx.Module):
    """h_knm = relu(A_nm + (rel, s)_kn · slopes_m): its parts, for the two products below.

    Both loop over the slots and keep nothing for the backward pass: an array of (n, m) fits a CPU's
    cache, while all (k, n, m) of a batch would be most of a step's memory. Their gradients are
    written by hand, since the derivative by JAX transposes a copy of (n, m) in every round. The
    price is that there is no forward-mode derivative.
    """

    offset: Float[Array, "n m"]
    moves: Float[Array, "k 3 n"]
    slopes: Float[Array, "3 m"]

    def of(self, moves: Float[Array, "3 n"]) -> Float[Array, "n m"]:
        """Return h of one slot. It is a sum, no matrix product: that fuses with the relu."""
        moved = sum(moves[i, :, None] * self.slopes[i, None] for i in range(3))
        return jax.nn.relu(self.offset + moved)


@jax.custom_vjp
def _dot(queries: Float[Array, "k m"], hidden: _Hidden) -> Float[Array, "k n"]:
    """Return Σₘ q_km h_knm."""
    return jax.lax.map(lambda slot: hidden.of(slot[1]) @ slot[0], (queries, hidden.moves))


@jax.custom_vjp
def _sum(weights: Float[Array, "k n"], hidden: _Hidden) -> Float[Array, "k m"]:
    """Return Σₙ w_kn h_knm."""
    return jax.lax.map(lambda slot: slot[0] @ hidden.of(slot[1]), (weights, hidden.moves))


def _gradients(
    weights: Float[Array, "k n"], queries: Float[Array, "k m"], hidden: _Hidden
) -> tuple[Float[Array, "k n"], Float[Array, "k m"], _Hidden]:
    """Return the gradients of Σ_knm w_kn q_km h_knm by its three parts.

    That by the weights is `_dot`, that by the queries is `_sum`; so both share that by h.
    """

    def slot(carry, one):
        offset, slopes = carry
        weights, queries, moves = one
        h = hidden.of(moves)
        by_h = jnp.where(h > 0, weights[:, None] * queries[None], 0)
        # By vectors: on a CPU three such products take half as long as one with a thin matrix.
        by_slopes = jnp.stack([moves[i] @ by_h for i in range(3)])
        by_moves = jnp.stack([by_h @ hidden.slopes[i] for i in range(3)])
        return (offset + by_h, slopes + by_slopes), (h @ queries, weights @ h, by_moves)

    zeros = jnp.zeros_like(hidden.offset), jnp.zeros_like(hidden.slopes)
    slots = weights, queries, hidden.moves
    (offset, slopes), (by_weights, by_queries, moves) = jax.lax.scan(slot, zeros, slots)
    return by_weights, by_queries, _Hidden(offset, moves, slopes)


def _dot_gradients(
    inputs: tuple[Float[Array, "k m"], _Hidden], weights: Float[Array, "k n"]
) -> tuple[Float[Array, "k m"], _Hidden]:
    queries, hidden = inputs
    return _gradients(weights, queries, hidden)[1:]


def _sum_gradients(
    inputs: tuple[Float[Array, "k n"], _Hidden], queries: Float[Array, "k m"]
) -> tuple[Float[Array, "k n"], _Hidden]:
    weights, hidden = inputs
    by_weights, _, by_hidden = _gradients(weights, queries, hidden)
    return by_weights, by_hidden


_dot.defvjp(lambda *inputs: (_dot(*inputs), inputs), _dot_gradients)
_sum.defvjp(lambda *inputs: (_sum(*inputs), inputs), _sum_gradients)
