"""From a slot and its frame to a picture and a mask of its own."""

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .config import ISAConfig
from .layers import dense, linear, weight_and_bias


class MLPDecoder(eqx.Module):
    """Spatial broadcast, pixel by pixel: MLP(slot + P rel), relu after every layer, then two heads.

    Locatello et al. 2020, appendix E.3; with rel the pixel as the slot sees it from its frame,
    Biza et al. 2023, section 3.3. A pixel's value depends on no other pixel, so any set of pixels
    can be decoded.
    """

    position: eqx.nn.Linear
    layers: tuple[eqx.nn.Linear, ...]
    alpha: eqx.nn.Linear
    colour: eqx.nn.Linear

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        position_key, alpha_key, colour_key, layer_key = jr.split(key, 4)
        sizes = (config.slot_size, *config.decoder_channels)
        keys = jr.split(layer_key, len(config.decoder_channels))
        self.position = linear(2, config.slot_size, key=position_key)
        self.layers = tuple(
            linear(i, o, key=k) for i, o, k in zip(sizes[:-1], sizes[1:], keys, strict=True)
        )
        self.alpha = linear(sizes[-1], 1, key=alpha_key)
        self.colour = linear(sizes[-1], 3, key=colour_key)

    def __call__(
        self, slots: Float[Array, "k d"], relative: Float[Array, "k m 2"]
    ) -> tuple[Float[Array, "k m 3"], Float[Array, "k m"]]:
        """Colour and mask logit of every slot at m pixels, given where it sees them."""
        # The first layer is affine in slot and rel: no product per slot and pixel.
        first, *others = self.layers
        axes, origin = weight_and_bias(self.position)
        centre = dense(first, slots + origin[None])
        x = jax.nn.relu(centre[:, None] + relative @ (first.weight @ axes).T)
        for layer in others:
            x = jax.nn.relu(dense(layer, x))
        return dense(self.colour, x), dense(self.alpha, x)[..., 0]
