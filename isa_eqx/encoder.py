"""From an image to one feature vector per cell of a coarser grid."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .config import ISAConfig
from .grid import coordinates
from .layers import MLP, conv, linear


class CNNEncoder(eqx.Module):
    """5×5 convolutions with SAME padding, relu between them, none after the last.

    The features carry no position: the invariant variants see it in each slot's own frame.
    """

    layers: tuple[eqx.nn.Conv2d, ...]

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        sizes = (3, *config.encoder_channels)
        keys = jr.split(key, len(config.encoder_channels))
        self.layers = tuple(
            conv(i, o, stride=s, key=k)
            for i, o, s, k in zip(sizes[:-1], sizes[1:], config.encoder_strides, keys, strict=True)
        )

    def __call__(
        self, image: Float[Array, "h w 3"]
    ) -> tuple[Float[Array, "n c"], Float[Array, "n 2"]]:
        """The features of every cell, and the cells' (y, x) coordinates."""
        x = jnp.moveaxis(image, -1, 0)
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        x = self.layers[-1](x)
        channels, height, width = x.shape
        return x.reshape(channels, -1).T, coordinates(height, width, x.dtype)


class PositionEmbedding(eqx.Module):
    """Absolute position added to the features, then an MLP: how plain Slot Attention sees where.

    Locatello et al. 2020, appendix E.2: MLP(features + P grid), without a residual.
    """

    position: eqx.nn.Linear
    mlp: MLP

    def __init__(self, size: int, hidden_size: int, *, key: PRNGKeyArray):
        position_key, mlp_key = jr.split(key)
        self.position = linear(2, size, key=position_key)
        self.mlp = MLP(size, hidden_size, key=mlp_key)

    def __call__(
        self, features: Float[Array, "n c"], grid: Float[Array, "n 2"]
    ) -> Float[Array, "n c"]:
        return jax.vmap(lambda f, g: self.mlp(f + self.position(g)))(features, grid)
