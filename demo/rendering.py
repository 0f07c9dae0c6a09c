"""Slots rendered in any frames, larger than the model's images where its decoder can."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isa_eqx import ISA, Frame
from isa_eqx.output import enlarge


def render(
    model: ISA,
    slots: Float[Array, "k d"],
    frames: Frame,
    size: tuple[int, int],
    colours: Float[np.ndarray, "k 3"] | None = None,
) -> tuple[Float[np.ndarray, "h w 3"], Int[np.ndarray, "h w"]]:
    """Return the image of slots in frames, and the slot of each of its pixels.

    - `size`: (height, width). A decoder of single pixels paints any; a convolutional one paints the
      model's size, which is then enlarged.
    - `colours`: what slots are painted in, if the model explains features.
    """
    if colours is not None:
        return jax.device_get(_in_colours(model, slots, frames, size, colours))
    if model.decoder.is_pixelwise:
        return jax.device_get(_pixelwise(model, slots, frames, size))
    image, owner = jax.device_get(_whole(model, slots, frames))
    rows, columns = (np.arange(n) * old // n for n, old in zip(size, owner.shape, strict=True))
    return image[rows[:, None], columns], owner[rows[:, None], columns]


@eqx.filter_jit
def _in_colours(
    model: ISA,
    slots: Float[Array, "k d"],
    frames: Frame,
    size: tuple[int, int],
    colours: Float[Array | np.ndarray, "k 3"],
) -> tuple[Float[Array, "h w 3"], Int[Array, "h w"]]:
    masks = enlarge(model.decode(slots, frames).painted.masks, size)
    image = (masks[..., None] * jnp.asarray(colours)[:, None, None]).sum(axis=0)
    return image, masks.argmax(axis=0)


@eqx.filter_jit
def _pixelwise(
    model: ISA, slots: Float[Array, "k d"], frames: Frame, size: tuple[int, int]
) -> tuple[Float[Array, "h w 3"], Int[Array, "h w"]]:
    colours, logits = model.decode_at(slots, frames, _grid(model, size))
    image = (jax.nn.softmax(logits, axis=0)[..., None] * colours).sum(axis=0)
    return image.reshape(*size, 3), logits.argmax(axis=0).reshape(size)


@eqx.filter_jit
def _whole(
    model: ISA, slots: Float[Array, "k d"], frames: Frame
) -> tuple[Float[Array, "h w 3"], Int[Array, "h w"]]:
    decoded = model.decode(slots, frames)
    return decoded.reconstruction, decoded.segmentation


def _grid(model: ISA, size: tuple[int, int]) -> Float[Array, "n 2"]:
    """Return where the pixels of a larger image are; ±1 are the centres of the model's corners."""
    y, x = (
        ((np.arange(n) + 0.5) * old / n - 0.5) * 2 / (old - 1) - 1
        for n, old in zip(size, model.config.image_size, strict=True)
    )
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.asarray(points, model.initial_slots.dtype)
