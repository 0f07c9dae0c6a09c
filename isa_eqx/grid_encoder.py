"""What the pixels of a feature map say to slots: to all alike, or to each in its own frame."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .layers import MLP, NORM_EPSILON, linear, weight_and_bias


class Pixels(eqx.Module):
    """One vector e_kn per slot k and pixel n, known by its products rather than stored."""

    @abc.abstractmethod
    def dot(
        self, queries: Float[Array, "k d"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k n"]:
        """q_k · e_kn, with slot k seeing pixel n at `relative[k, n]`."""

    @abc.abstractmethod
    def sum(
        self, weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k d"]:
        """Σₙ w_kn e_kn."""


class AbsolutePixels(Pixels):
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


class RelativePixels(Pixels):
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

    def _hidden(
        self, relative: Float[Array, "k n 2"]
    ) -> tuple[Float[Array, "k n m"], Float[Array, "k n"]]:
        """relu(A + B rel + c s) and 1/s."""
        y, x = relative[..., 0], relative[..., 1]
        linear = self.cross[None, :, 0] * y + self.cross[None, :, 1] * x
        square = self.gram[0, 0] * y * y + 2 * self.gram[0, 1] * y * x + self.gram[1, 1] * x * x
        variance = self.square[None] + linear + square
        spread = jnp.sqrt(jnp.maximum(variance, 0) + NORM_EPSILON)
        moved = jnp.stack([y, x, spread], axis=-1) @ self.slopes
        return jax.nn.relu(self.offset[None] + moved), 1 / spread

    # Recomputed in the backward pass: storing (k, n, m) for every round costs more than it saves.
    @eqx.filter_checkpoint
    def dot(
        self, queries: Float[Array, "k d"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k n"]:
        hidden, scale = self._hidden(relative)
        weight, bias = weight_and_bias(self.out)
        products = jnp.einsum("km,knm->kn", queries @ weight, hidden)
        return products * scale + (queries @ bias)[:, None]

    @eqx.filter_checkpoint
    def sum(
        self, weights: Float[Array, "k n"], relative: Float[Array, "k n 2"]
    ) -> Float[Array, "k d"]:
        hidden, scale = self._hidden(relative)
        weight, bias = weight_and_bias(self.out)
        total = jnp.einsum("kn,knm->km", weights * scale, hidden)
        return total @ weight.T + weights.sum(axis=1, keepdims=True) * bias[None]


class GridEncoder(eqx.Module):
    """E(x + P grid), with E = MLP(d → m → d), a layer norm first and no residual.

    Plain Slot Attention adds absolute positions to the features (Locatello et al. 2020,
    appendix); the invariant variants add to keys and values the grid as each slot sees it from its
    frame (Biza et al. 2023, section 3).
    """

    position: eqx.nn.Linear
    mlp: MLP

    def __init__(self, size: int, hidden_size: int, *, key: PRNGKeyArray):
        position_key, mlp_key = jr.split(key)
        self.position = linear(2, size, key=position_key)
        self.mlp = MLP(size, hidden_size, key=mlp_key)

    def __call__(self, x: Float[Array, "n d"], grid: Float[Array, "n 2"]) -> Float[Array, "n d"]:
        """Every pixel at its own place on one grid."""
        return jax.vmap(lambda vector, place: self.mlp(vector + self.position(place)))(x, grid)

    def relative(self, vectors: Float[Array, "n d"]) -> RelativePixels:
        """Every pixel as every slot will see it."""
        gain, shift = weight_and_bias(self.mlp.norm)
        first, bias = weight_and_bias(self.mlp.hidden)
        axes, origin = weight_and_bias(self.position)
        size = vectors.shape[1]
        centred, axes = _centre(vectors + origin[None], axis=1), _centre(axes, axis=0)
        scaled = first * gain[None]
        return RelativePixels(
            offset=centred @ scaled.T,
            slopes=jnp.concatenate([axes.T @ scaled.T, (first @ shift + bias)[None]]),
            square=jnp.square(centred).mean(axis=1),
            cross=centred @ axes * (2 / size),
            gram=axes.T @ axes / size,
            out=self.mlp.out,
        )


def _centre(x: Float[Array, "a b"], axis: int) -> Float[Array, "a b"]:
    return x - x.mean(axis=axis, keepdims=True)
