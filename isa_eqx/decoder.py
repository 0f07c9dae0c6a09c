"""From a slot and its frame to what the slot paints, and its mask."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .convolutions import Conv, UpConv
from .grid import coordinates, patch_coordinates
from .layers import cast, dense, linear, weight_and_bias


class Decoder(eqx.Module):
    """A spatial broadcast decoder (Watters et al. 2019).

    A slot is copied to every cell of a grid, where P rel is added, with rel the cell's position in
    the slot's frame (Biza et al. 2023, section 3). A network turns that into a colour and a mask
    logit for every pixel; where slots explain features, into those of a patch.

    - `colour`: the head that paints; it paints features, too.
    - `grid_size`: height and width of the grid.
    - `is_pixelwise`: whether cells are decoded independently, so that any positions can be.
    """

    position: eqx.AbstractVar[eqx.nn.Linear]
    alpha: eqx.AbstractVar[eqx.nn.Linear]
    colour: eqx.AbstractVar[eqx.nn.Linear]
    grid_size: eqx.AbstractVar[tuple[int, int]]
    is_pixelwise: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(
        self,
        slots: Float[Array, "k d"],
        relative: Float[Array, "k m 2"],
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "k p o"]:
        """Return what every slot paints at every pixel, and its mask logit, the last number.

        Pixels are in row-major order.

        - `relative`: (y, x) of m cells in the frame of each slot.
        - `dtype`: precision that layers compute in; `None` for that of weights and slots.
          Positions are added in the slots' precision, which the result has, too.
        """

    def grid(self, dtype: DTypeLike) -> Float[Array, "m 2"]:
        """Return the (y, x) coordinates of the cells of the grid."""
        return coordinates(*self.grid_size, dtype)

    def heads(self, x: Float[Array, "k p c"], dtype: DTypeLike) -> Float[Array, "k p o"]:
        """Return both heads of the last layer's outputs, as one layer, with sums in `dtype`."""
        heads = weight_and_bias(self.colour), weight_and_bias(self.alpha)
        weight, bias = (jnp.concatenate(both) for both in zip(*heads, strict=True))
        y = jnp.matmul(x, weight.astype(x.dtype).T, preferred_element_type=dtype)
        return y + bias[None, None]


class MLPDecoder(Decoder):
    """The same MLP at every pixel, relu after every layer (Locatello et al. 2020, appendix).

    - `patch_size`: of the backbone whose features are painted at every patch; 0 for colours.
    """

    position: eqx.nn.Linear
    layers: tuple[eqx.nn.Linear, ...]
    alpha: eqx.nn.Linear
    colour: eqx.nn.Linear
    grid_size: tuple[int, int] = eqx.field(static=True)
    patch_size: int = eqx.field(static=True)

    is_pixelwise = True

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        (self.position, self.alpha, self.colour), layers = _make_layers(config, key)
        self.layers = tuple(linear(i, o, key=k) for i, o, k in layers)
        self.grid_size, self.patch_size = config.target_size, config.patch_size

    def grid(self, dtype: DTypeLike) -> Float[Array, "m 2"]:
        if not self.patch_size:
            return super().grid(dtype)
        return patch_coordinates(*self.grid_size, self.patch_size, dtype)

    def __call__(
        self,
        slots: Float[Array, "k d"],
        relative: Float[Array, "k m 2"],
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "k m o"]:
        # The first layer is affine in slot and rel: no product per slot and pixel.
        first, *others = self.layers
        axes, origin = weight_and_bias(self.position)
        centre = dense(first, slots + origin[None])
        moved = relative @ (first.weight @ axes).T
        x = cast(jax.nn.relu(centre[:, None] + moved), dtype)
        for layer in cast(others, dtype):
            x = jax.nn.relu(dense(layer, x))
        return self.heads(x, slots.dtype)


class CNNDecoder(Decoder):
    """5×5 convolutions with SAME padding, with relu after each (Biza et al. 2023, appendix A).

    Those with a stride are transposed; together they enlarge the grid to the image.
    """

    position: eqx.nn.Linear
    layers: tuple[Conv | UpConv, ...]
    alpha: eqx.nn.Linear
    colour: eqx.nn.Linear
    grid_size: tuple[int, int] = eqx.field(static=True)

    is_pixelwise = False

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        (self.position, self.alpha, self.colour), layers = _make_layers(config, key)
        strides = config.decoder_strides
        self.layers = tuple(
            Conv(i, o, key=k) if stride == 1 else UpConv(i, o, stride, key=k)
            for (i, o, k), stride in zip(layers, strides, strict=True)
        )
        height, width = config.image_size
        larger = math.prod(strides)
        self.grid_size = height // larger, width // larger

    def __call__(
        self,
        slots: Float[Array, "k d"],
        relative: Float[Array, "k m 2"],
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "k p o"]:
        x = slots[:, None] + dense(self.position, relative)
        x = cast(x.reshape(len(x), *self.grid_size, -1), dtype)
        for layer in cast(self.layers, dtype):
            x = jax.nn.relu(jax.vmap(layer)(x))
        return self.heads(x.reshape(len(x), -1, x.shape[-1]), slots.dtype)


_Linears = tuple[eqx.nn.Linear, eqx.nn.Linear, eqx.nn.Linear]


def _make_layers(
    config: ISAConfig, key: PRNGKeyArray
) -> tuple[_Linears, list[tuple[int, int, PRNGKeyArray]]]:
    """Make the layers for positions, mask and colour; return also what the others are made from:
    inputs, outputs and key of each.
    """
    position_key, alpha_key, colour_key, layer_key = jr.split(key, 4)
    sizes = (config.slot_size, *config.decoder_channels)
    ends = (
        linear(2, config.slot_size, key=position_key),
        linear(sizes[-1], 1, key=alpha_key),
        linear(sizes[-1], config.target_channels, key=colour_key),
    )
    keys = jr.split(layer_key, len(sizes) - 1)
    return ends, list(zip(sizes[:-1], sizes[1:], keys, strict=True))


def make_decoder(config: ISAConfig, *, key: PRNGKeyArray) -> Decoder:
    """Make the decoder of a configuration: convolutional if it has strides."""
    return (CNNDecoder if config.decoder_strides else MLPDecoder)(config, key=key)
