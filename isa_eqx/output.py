"""What a model makes of an image: slots, their frames, masks and reconstructions.

A batch has one more axis, b, in front of every shape.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .config import ISAConfig
from .frames import Frame


class Painted(eqx.Module):
    """What slots paint, and whose it is: at every pixel, or at every patch.

    - `values`: of each slot.
    - `mask_logits`: of each slot.
    """

    values: Float[Array, "*b k y x c"]
    mask_logits: Float[Array, "*b k y x"]

    @property
    def masks(self) -> Float[Array, "*b k y x"]:
        """Each slot's share; sums to 1 over slots."""
        return jax.nn.softmax(self.mask_logits, axis=-3)

    @property
    def reconstruction(self) -> Float[Array, "*b y x c"]:
        """Σₖ masks · values: what slots explain together, to compare with `ISA.target`."""
        return (self.masks[..., None] * self.values).sum(axis=-4)


class Colours(Painted):
    """An image of each slot: values are (h, w, 3)."""


class Features(Painted):
    """Where slots explain features: a vector of each slot at every patch.

    - `image_size`: height and width of the image in pixels.
    """

    image_size: tuple[int, int] = eqx.field(static=True)


class Decoded(eqx.Module):
    """The decoded slots.

    - `painted`: `Colours` or, of models with target features, `Features`.
    """

    painted: Colours | Features

    @property
    def masks(self) -> Float[Array, "*b k h w"]:
        """Each slot's share of each pixel; sums to 1 over slots.

        Masks of patches are enlarged bilinearly, as slot methods on features do.
        """
        painted = self.painted
        if isinstance(painted, Colours):
            return painted.masks
        return enlarge(painted.masks, painted.image_size)

    @property
    def mask_logits(self) -> Float[Array, "*b k h w"]:
        """The logits of `masks`: their softmax over slots is the masks."""
        if isinstance(self.painted, Colours):
            return self.painted.mask_logits
        smallest = jnp.finfo(self.painted.mask_logits.dtype).tiny  # a mask of 0 has a logit, too
        return jnp.log(jnp.maximum(self.masks, smallest))

    @property
    def segmentation(self) -> Int[Array, "*b h w"]:
        """The slot with the largest mask at each pixel."""
        is_of_pixels = isinstance(self.painted, Colours)
        return jnp.argmax(self.mask_logits if is_of_pixels else self.masks, axis=-3)

    @property
    def slot_reconstructions(self) -> Float[Array, "*b k h w 3"]:
        """The image that each slot paints. Raises an `AttributeError` if slots paint features."""
        return self._colours().values

    @property
    def reconstruction(self) -> Float[Array, "*b h w 3"]:
        """Σₖ masks · slot_reconstructions; near [0, 1], not clipped. Errors: as of these."""
        return self._colours().reconstruction

    def _colours(self) -> Colours:
        if isinstance(self.painted, Colours):
            return self.painted
        raise AttributeError(
            "this model explains features of a backbone, which have no colours: its masks are in "
            "masks and segmentation, and what its slots paint in painted."
        )


class Output(Decoded):
    """The output of a model for an image.

    - `slots`: what each object is, apart from where it is.
    - `frames`: where it is; see `Frame`.
    - `attention`: attention of each slot on the encoder's grid; sums to 1 over slots.
    """

    slots: Float[Array, "*b k d"]
    frames: Frame
    attention: Float[Array, "*b k n"]


def attention_masks(
    attention: Float[Array, "*b k n"], config: ISAConfig
) -> Float[Array, "*b k h w"]:
    """Return the attention of slots in the size of the image: their shares of each pixel, too."""
    maps = attention.reshape(*attention.shape[:-1], *config.feature_size)
    return enlarge(maps, config.image_size)


def enlarge(maps: Float[Array, "*b k y x"], size: tuple[int, int]) -> Float[Array, "*b k h w"]:
    """Return maps of patches or cells in another size, (height, width), interpolated bilinearly."""
    return jax.image.resize(maps, (*maps.shape[:-2], *size), "bilinear")
