"""A vision transformer as DINOv2 has it (Dosovitskiy et al. 2021; Oquab et al. 2023)."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from ..layers import cast, dense, linear
from .positions import resize_positions

# Of ImageNet's images, by which all families of backbones were normalised.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
        self.norm1, self.norm2 = _norm(config), _norm(config)
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


class ViT(eqx.Module):
    """A vision transformer: from an image to a vector for every patch.

    It is frozen: its weights are read (`load`), and no gradient is asked for.
    """

    class_token: Float[Array, "1 1 d"]
    mask_token: Float[Array, "1 d"]  # of its training, not used here; files have it
    positions: Float[Array, "1 t d"]  # of the class token, then of the table, row by row
    registers: Float[Array, "1 r d"] | None
    patches: Float[Array, "d 3 p p"]
    patches_bias: Float[Array, " d"]
    blocks: tuple[Block, ...]
    norm: eqx.nn.LayerNorm
    config: ViTConfig = eqx.field(static=True)

    def __init__(self, config: ViTConfig, *, key: PRNGKeyArray):
        size, patch = config.size, config.patch_size
        patch_key, *keys = jr.split(key, config.num_blocks + 1)
        registers = jnp.zeros((1, config.num_registers, size))
        self.class_token, self.mask_token = jnp.zeros((1, 1, size)), jnp.zeros((1, size))
        self.positions = jnp.zeros((1, 1 + config.table_size**2, size))
        self.registers = registers if config.num_registers else None
        self.patches = jr.normal(patch_key, (size, 3, patch, patch)) / (3**0.5 * patch)
        self.patches_bias = jnp.zeros(size)
        self.blocks = tuple(Block(config, key=k) for k in keys)
        self.norm = _norm(config)
        self.config = config

    def __call__(
        self,
        image: Float[Array, "h w 3"],
        *,
        normalised: bool = False,
        resizing: str = "antialias",
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "n d"]:
        """Return the vector of every patch after the last block, row by row.

        - `image`: in [0, 1]; height and width are multiples of the patch.
        - `normalised`: whether the last layer norm is applied. Methods that slots are trained by
          take the features before it (DINOSAUR, VideoSAUR, SlotContrast).
        - `resizing`: of the table of positions, see `resize_positions`.
        - `dtype`: precision of the products in blocks; their sums, softmax, normalisation and the
          table stay in that of the weights.
        """
        return self.tokens(image, resizing=resizing, dtype=dtype, normalised=normalised)[
            1 + self.config.num_registers :
        ]

    def tokens(
        self,
        image: Float[Array, "h w 3"],
        *,
        normalised: bool = False,
        resizing: str = "antialias",
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "t d"]:
        """Return the vectors of the class token, of the registers, then of the patches."""
        x = self.embed(image, resizing)
        for block in self.blocks:
            x = block(x, dtype)
        return jax.vmap(self.norm)(x) if normalised else x

    def embed(self, image: Float[Array, "h w 3"], resizing: str) -> Float[Array, "t d"]:
        """Return the tokens before the first block."""
        height, width = self.grid_size(*image.shape[:2])
        patch, side = self.config.patch_size, self.config.table_size
        x = (image - jnp.asarray(MEAN)[None, None]) / jnp.asarray(DEVIATION)[None, None]
        x = x.reshape(height, patch, width, patch, 3).transpose(0, 2, 4, 1, 3)
        x = x.reshape(height * width, -1) @ self.patches.reshape(self.config.size, -1).T
        first, table = self.positions[0, :1], self.positions[0, 1:].reshape(side, side, -1)
        table = resize_positions(table, height, width, resizing).reshape(x.shape)
        tokens = [self.class_token[0] + first, x + self.patches_bias[None] + table]
        if self.registers is not None:
            tokens.insert(1, self.registers[0])
        return jnp.concatenate(tokens)

    def grid_size(self, height: int, width: int) -> tuple[int, int]:
        """Return how many patches an image of this size has, downwards and across.

        Raises a `ValueError` if it is no whole number of them.
        """
        patch = self.config.patch_size
        if height % patch or width % patch:
            raise ValueError(
                f"height and width must be multiples of {patch}, the backbone's patch; got "
                f"{height} × {width}."
            )
        return height // patch, width // patch


def _norm(config: ViTConfig) -> eqx.nn.LayerNorm:
    return eqx.nn.LayerNorm(config.size, eps=config.norm_epsilon)
