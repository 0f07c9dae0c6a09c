"""Equinox layers, initialised and normalised as in the published model.

Kernels start LeCun-normal and biases at zero; the recurrent kernels of a GRU start orthogonal;
normalisation adds 1e-6 to the variance. Equinox's defaults differ in all four.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.nn import initializers
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config_checks import GROUPS

NORM_EPSILON = 1e-6

_Module = TypeVar("_Module", bound=eqx.Module)
_Tree = TypeVar("_Tree")
lecun_normal: initializers.Initializer = initializers.lecun_normal(in_axis=1, out_axis=0)
_orthogonal = initializers.orthogonal()


def linear(inputs: int, outputs: int, *, use_bias: bool = True, key: PRNGKeyArray) -> eqx.nn.Linear:
    """Make a dense layer."""
    layer = _shapes(eqx.nn.Linear, inputs, outputs, use_bias, key=key)
    weight = lecun_normal(key, layer.weight.shape, layer.weight.dtype)
    layer = eqx.tree_at(lambda one: one.weight, layer, weight)
    if layer.bias is None:
        return layer
    return eqx.tree_at(lambda one: one.bias, layer, jnp.zeros(layer.bias.shape, layer.bias.dtype))


def _shapes(kind: Callable[..., _Module], *sizes: Any, **options: Any) -> _Module:
    """Make a layer without weights: Equinox's would take seconds to draw, only to be replaced."""
    return eqx.filter_eval_shape(kind, *sizes, **options)


def gru(inputs: int, state: int, *, key: PRNGKeyArray) -> eqx.nn.GRUCell:
    """Make a GRU like cuDNN's, whose reset gate also multiplies the recurrent bias."""
    cell = _shapes(eqx.nn.GRUCell, inputs, state, key=key)
    input_key, *gate_keys = jr.split(key, 4)
    dtype = cell.weight_hh.dtype
    recurrent = jnp.concatenate([_orthogonal(k, (state, state), dtype) for k in gate_keys])
    return eqx.tree_at(
        lambda one: (one.weight_ih, one.weight_hh, one.bias, one.bias_n),
        cell,
        (
            lecun_normal(input_key, cell.weight_ih.shape, dtype),
            recurrent,
            jnp.zeros(3 * state, dtype),
            jnp.zeros(state, dtype),
        ),
    )


def layer_norm(size: int) -> eqx.nn.LayerNorm:
    """Make a layer normalisation of a vector."""
    return eqx.nn.LayerNorm(size, eps=NORM_EPSILON)


def cast(tree: Any, dtype: DTypeLike | None) -> Any:
    """Cast the floating arrays of a tree, layers included; `None` leaves them as they are.

    Normalisation layers are not cast: they compute their statistics in float32 or more.
    """

    def to_dtype(x: Any) -> Any:
        return x.astype(dtype) if eqx.is_inexact_array(x) else x

    if dtype is None:
        return tree
    return jax.tree.map(
        to_dtype, tree, is_leaf=lambda x: isinstance(x, eqx.nn.LayerNorm | GroupNorm)
    )


def at_least_float32(tree: _Tree) -> _Tree:
    """Cast the floating arrays of a tree that are in fewer bits to float32."""

    def widened(x: Any) -> Any:
        is_short = eqx.is_inexact_array(x) and jnp.finfo(x.dtype).bits < 32
        return x.astype(jnp.float32) if is_short else x

    return jax.tree.map(widened, tree)


def matmul(
    x: Float[Array, "*axes i"], y: Float[Array, "i o"], dtype: DTypeLike | None = None
) -> Float[Array, "*axes o"]:
    """Return x y, with both rounded to `dtype`, and sums and result in x's precision."""
    return jnp.matmul(cast(x, dtype), cast(y, dtype), preferred_element_type=x.dtype)


def dense(
    layer: eqx.nn.Linear, x: Float[Array, "*axes i"], dtype: DTypeLike | None = None
) -> Float[Array, "*axes o"]:
    """Apply a linear layer along the last axis, as one `matmul` over all the others."""
    y = matmul(x, layer.weight.T, dtype)
    return y if layer.bias is None else y + jnp.expand_dims(layer.bias, range(y.ndim - 1))


def weight_and_bias(layer: eqx.nn.Linear | eqx.nn.LayerNorm) -> tuple[Array, Array]:
    """Return weight and bias of a layer that has both."""
    assert layer.weight is not None and layer.bias is not None
    return layer.weight, layer.bias


class GroupNorm(eqx.Module):
    """A normalisation over pixels and the channels of each of 32 groups (Wu and He 2018)."""

    weight: Float[Array, " c"]
    bias: Float[Array, " c"]

    def __init__(self, channels: int):
        self.weight = jnp.ones(channels)
        self.bias = jnp.zeros(channels)

    def __call__(self, x: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        y = at_least_float32(x).reshape(*x.shape[:2], GROUPS, -1)
        mean, variance = (f(y, axis=(0, 1, 3), keepdims=True) for f in (jnp.mean, jnp.var))
        y = ((y - mean) * jax.lax.rsqrt(variance + NORM_EPSILON)).reshape(x.shape)
        weight, bias = at_least_float32((self.weight, self.bias))
        return (y * weight[None, None] + bias[None, None]).astype(x.dtype)


class MLP(eqx.Module):
    """W₂ relu(W₁ LN(x) + b₁) + b₂, for one vector; by default it keeps its size."""

    norm: eqx.nn.LayerNorm
    hidden: eqx.nn.Linear
    out: eqx.nn.Linear

    def __init__(
        self, size: int, hidden_size: int, out_size: int | None = None, *, key: PRNGKeyArray
    ):
        hidden_key, out_key = jr.split(key)
        self.norm = layer_norm(size)
        self.hidden = linear(size, hidden_size, key=hidden_key)
        self.out = linear(hidden_size, out_size or size, key=out_key)

    def __call__(self, x: Float[Array, " i"]) -> Float[Array, " o"]:
        return self.out(jax.nn.relu(self.hidden(self.norm(x))))
