"""What a model makes of an image: slots, their frames, masks and reconstructions."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .frames import Frame


class Decoded(eqx.Module):
    """The decoded slots. A batch has one more axis, b, in front of every shape."""

    mask_logits: Float[Array, "*b k h w"]
    slot_reconstructions: Float[Array, "*b k h w 3"]

    @property
    def masks(self) -> Float[Array, "*b k h w"]:
        """Each slot's share of each pixel; sums to 1 over slots."""
        return jax.nn.softmax(self.mask_logits, axis=-3)

    @property
    def segmentation(self) -> Int[Array, "*b h w"]:
        """The slot with the largest mask at each pixel."""
        return jnp.argmax(self.mask_logits, axis=-3)

    @property
    def reconstruction(self) -> Float[Array, "*b h w 3"]:
        """Σₖ masks · slot_reconstructions; near [0, 1], not clipped."""
        return (self.masks[..., None] * self.slot_reconstructions).sum(axis=-4)


class Output(Decoded):
    """The output of a model for an image.

    - `slots`: what each object is, apart from where it is.
    - `frames`: where it is; see `Frame`.
    - `attention`: attention of each slot on the encoder's grid; sums to 1 over slots.
    """

    slots: Float[Array, "*b k d"]
    frames: Frame
    attention: Float[Array, "*b k n"]
