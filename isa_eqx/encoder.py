"""From what slots explain to a feature vector for every cell of a grid."""

import abc

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .convolutions import Conv
from .grid import coordinates, patch_coordinates
from .layers import MLP, cast
from .resnet import ResNet


class Encoder(eqx.Module):
    """Maps an image, or vectors of its patches, to features.

    Positions are added later, by a `GridEncoder`.
    """

    @abc.abstractmethod
    def maps(self, target: Float[Array, "h w i"]) -> Float[Array, "y x c"]:
        """Return the feature maps."""

    def grid(self, height: int, width: int, dtype: DTypeLike) -> Float[Array, "n 2"]:
        """Return the (y, x) coordinates of every cell of maps of this size."""
        return coordinates(height, width, dtype)

    def __call__(
        self, target: Float[Array, "h w i"], dtype: DTypeLike | None = None
    ) -> tuple[Float[Array, "n c"], Float[Array, "n 2"]]:
        """Return features and (y, x) coordinates of every cell, in the target's precision.

        - `target`: what slots explain, see `ISA.target`.
        - `dtype`: precision that layers compute in; `None` for that of weights and target.
        """
        maps = cast(self, dtype).maps(cast(target, dtype))
        height, width, channels = maps.shape
        features = cast(maps.reshape(-1, channels), target.dtype)
        return features, self.grid(height, width, target.dtype)


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

    def maps(self, target: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        x = target
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class ResNetEncoder(Encoder):
    """A residual network, with relu last; see `ResNet`."""

    network: ResNet

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        channels, strides = config.encoder_channels, config.encoder_strides
        self.network = ResNet(channels, strides, config.encoder_blocks, key=key)

    def maps(self, target: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        return self.network(target)


class Adapter(Encoder):
    """An MLP at every patch, from a frozen backbone's vectors (Seitzer et al. 2023, DINOSAUR).

    - `patch_size`: of the backbone, in pixels.
    """

    mlp: MLP
    patch_size: int = eqx.field(static=True)

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        sizes = config.target_channels, config.hidden_size, config.encoder_channels[-1]
        self.mlp = MLP(*sizes, key=key)
        self.patch_size = config.patch_size

    def grid(self, height: int, width: int, dtype: DTypeLike) -> Float[Array, "n 2"]:
        return patch_coordinates(height, width, self.patch_size, dtype)

    def maps(self, target: Float[Array, "y x i"]) -> Float[Array, "y x c"]:
        return jax.vmap(jax.vmap(self.mlp))(target)


def make_encoder(config: ISAConfig, *, key: PRNGKeyArray) -> Encoder:
    """Make the encoder of a configuration: an MLP for a backbone's, residual if it has blocks."""
    if config.target == "features":
        return Adapter(config, key=key)
    return (ResNetEncoder if config.encoder_blocks else CNNEncoder)(config, key=key)
