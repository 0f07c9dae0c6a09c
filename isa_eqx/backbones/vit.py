"""A vision transformer as DINOv2 has it (Dosovitskiy et al. 2021; Oquab et al. 2023)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .block import Block, ViTConfig, layer_norm
from .positions import resize_positions

# Of ImageNet's images, by which all families of backbones were normalised.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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
        self.norm = layer_norm(config)
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
        tokens = self.tokens(image, normalised=normalised, resizing=resizing, dtype=dtype)
        return tokens[1 + self.config.num_registers :]

    def tokens(
        self,
        image: Float[Array, "h w 3"],
        *,
        normalised: bool = False,
        resizing: str = "antialias",
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "t d"]:
        """Return the vectors of the class token, the registers and the patches; see `__call__`."""
        x = self.embed(image, resizing)
        for block in self.blocks:
            x = block(x, dtype)
        return jax.vmap(self.norm)(x) if normalised else x

    def embed(self, image: Float[Array, "h w 3"], resizing: str) -> Float[Array, "t d"]:
        """Return the tokens before the first block."""
        height, width = self.grid_size(*image.shape[:2])
        patch, side = self.config.patch_size, self.config.table_size
        mean, deviation = jnp.asarray([MEAN, DEVIATION], image.dtype)
        x = (image - mean[None, None]) / deviation[None, None]
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
