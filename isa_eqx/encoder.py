"""From an image to one feature vector per cell of a coarser grid."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .config import ISAConfig
from .grid import coordinates
from .layers import conv


class CNNEncoder(eqx.Module):
    """5×5 convolutions with SAME padding, relu between them, none after the last.

    The features carry no position; see `GridEncoder` for how slots come to see it.
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
