"""From an image to a feature vector for every cell of a coarser grid."""

import abc

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .convolutions import Conv
from .grid import coordinates
from .layers import cast
from .resnet import ResNet


class Encoder(eqx.Module):
    """Maps an image to features. Positions are added later, by a `GridEncoder`."""

    @abc.abstractmethod
    def maps(self, image: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        """Return the feature maps."""

    def __call__(
        self, image: Float[Array, "h w 3"], dtype: DTypeLike | None = None
    ) -> tuple[Float[Array, "n c"], Float[Array, "n 2"]]:
        """Return features and (y, x) coordinates of every cell, in the image's precision.

        - `dtype`: precision that layers compute in; `None` for that of weights and image.
        """
        maps = cast(self, dtype).maps(cast(image, dtype))
        height, width, channels = maps.shape
        features = cast(maps.reshape(-1, channels), image.dtype)
        return features, coordinates(height, width, image.dtype)


class CNNEncoder(Encoder):
    """5×5 convolutions with SAME padding, with relu between them and none after the last.

    Locatello et al. 2020, appendix, without the position embedding.
    """

    layers: tuple[Conv, ...]

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        sizes = (3, *config.encoder_channels)
        keys = jr.split(key, len(config.encoder_channels))
        self.layers = tuple(
            Conv(i, o, stride=s, key=k)
            for i, o, s, k in zip(sizes[:-1], sizes[1:], config.encoder_strides, keys, strict=True)
        )

    def maps(self, image: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        x = image
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class ResNetEncoder(Encoder):
    """A residual network, with relu last; see `ResNet`."""

    network: ResNet

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        channels, strides = config.encoder_channels, config.encoder_strides
        self.network = ResNet(channels, strides, config.encoder_blocks, key=key)

    def maps(self, image: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        return self.network(image)


def make_encoder(config: ISAConfig, *, key: PRNGKeyArray) -> Encoder:
    """Make the encoder of a configuration: residual if it has blocks."""
    return (ResNetEncoder if config.encoder_blocks else CNNEncoder)(config, key=key)
