"""A block of a vision transformer: attention between all tokens, and an MLP for each."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from ..layers import cast, dense, linear


@dataclasses.dataclass(frozen=True)
class ViTConfig:
    """The architecture of a vision transformer. The defaults are those of `dinov2-small`.

    Attributes:
        size: Numbers in the vector of a patch.
        num_blocks: Blocks of attention and an MLP.
        num_heads: Heads of attention; they divide `size`.
        mlp_size: Width of the hidden layer of an MLP.
        patch_size: Height and width of a patch in pixels.
        table_size: Height and width of the table of positions in patches.
        num_registers: Tokens without a position, beside those of the class and the patches
            (Darcet et al. 2024).
        norm_epsilon: What layer normalisation adds to the variance.
    """

    size: int = 384
    num_blocks: int = 12
    num_heads: int = 6
    mlp_size: int = 1536
    patch_size: int = 14
    table_size: int = 37
    num_registers: int = 0
    norm_epsilon: float = 1e-6


class Block(eqx.Module):
    """x ← x + s₁ attention(LN(x));  x ← x + s₂ MLP(LN(x)), with scales of each channel."""

    norm1: eqx.nn.LayerNorm
    query: eqx.nn.Linear
    key: eqx.nn.Linear
    value: eqx.nn.Linear
    out: eqx.nn.Linear
    scale1: Float[Array, " d"]
    norm2: eqx.nn.LayerNorm
    fc1: eqx.nn.Linear
    fc2: eqx.nn.Linear
    scale2: Float[Array, " d"]
    num_heads: int = eqx.field(static=True)

    def __init__(self, config: ViTConfig, *, key: PRNGKeyArray):
        size, keys = config.size, jr.split(key, 6)
        self.norm1, self.norm2 = layer_norm(config), layer_norm(config)
        self.query, self.key, self.value, self.out = (linear(size, size, key=k) for k in keys[:4])
        self.fc1 = linear(size, config.mlp_size, key=keys[4])
        self.fc2 = linear(config.mlp_size, size, key=keys[5])
        self.scale1, self.scale2 = jnp.ones(size), jnp.ones(size)
        self.num_heads = config.num_heads

    def __call__(
        self, x: Float[Array, "n d"], dtype: DTypeLike | None = None
    ) -> Float[Array, "n d"]:
        """Return the tokens after this block. `dtype`: as for `isa_eqx.layers.matmul`."""
        y = jax.vmap(self.norm1)(x)
        heads = len(y), self.num_heads, -1
        query, key, value = (
            cast(dense(layer, y, dtype).reshape(heads), dtype)
            for layer in (self.query, self.key, self.value)
        )
        with jax.numpy_dtype_promotion("standard"):  # its softmax is in float32
            y = jax.nn.dot_product_attention(query, key, value)
        x = x + self.scale1[None] * dense(self.out, cast(y.reshape(x.shape), x.dtype), dtype)
        y = dense(self.fc1, jax.vmap(self.norm2)(x), dtype)
        # The exact form, where JAX's default is an approximation.
        y = dense(self.fc2, jax.nn.gelu(y, approximate=False), dtype)
        return x + self.scale2[None] * y


def layer_norm(config: ViTConfig) -> eqx.nn.LayerNorm:
    return eqx.nn.LayerNorm(config.size, eps=config.norm_epsilon)
