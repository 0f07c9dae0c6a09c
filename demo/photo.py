"""A photo of any size: what a model sees of it, and the model's masks in the photo's size."""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

from hub.common.image_file import read_image_file
from isa_eqx import ISA, Output
from training.data import resize_image, shape_crop

OUTSIDE = 255  # in a label map: no slot, as the model has not seen the pixel
STRIP = 256  # rows of a photo that masks are enlarged for at once


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photo, and the part in its middle that a model sees.

    - `pixels`: RGB, as a person sees it.
    - `box`: rows and columns of the part, which has the shape of the model's images.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    box: tuple[slice, slice]

    @classmethod
    def read(cls, path: str | Path, model: ISA) -> "Photo":
        """Read a file. Errors: as of `read_image_file`."""
        return cls.of(read_image_file(path), model)

    @classmethod
    def of(cls, pixels: UInt8[np.ndarray, "h w 3"], model: ISA) -> "Photo":
        """Return the photo with these pixels."""
        return cls(pixels, shape_crop(model.config.image_size)(*pixels.shape[:2]))

    def seen(self, model: ISA) -> Float[Array, "h2 w2 3"]:
        """Return what the model sees, in [0, 1]."""
        shrunk = resize_image(self.pixels[self.box], model.config.image_size)
        return jnp.asarray(shrunk, model.initial_slots.dtype) / 255

    def label_map(self, masks: Float[Array, "k h2 w2"]) -> UInt8[np.ndarray, "h w"]:
        """Return the slot with the largest mask at each pixel of the photo, 255 outside of `box`.

        Masks are enlarged before they are compared, so that borders are smooth.
        """
        rows, columns = self.box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        labels = np.full(self.pixels.shape[:2], OUTSIDE, np.uint8)
        images = [Image.fromarray(np.asarray(mask, np.float32)) for mask in masks]
        unit = images[0].height / height
        for top in range(0, height, STRIP):
            bottom = min(top + STRIP, height)
            part = (0, top * unit, images[0].width, bottom * unit)
            strip = [
                np.asarray(image.resize((width, bottom - top), Image.Resampling.BILINEAR, part))
                for image in images
            ]
            place = slice(rows.start + top, rows.start + bottom)
            labels[place, columns] = np.argmax(strip, axis=0)
        return labels


@eqx.filter_jit
def explain(model: ISA, image: Float[Array, "h w 3"], seed: np.uint32) -> Output:
    """Return what a model makes of an image, compiled, from the initial frames of a seed."""
    return model(image, key=jr.key(seed))


def check_seed(seed: int) -> None:
    """Raise a `ValueError` if this is no seed."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed must be from 0 to 2**32 - 1, got {seed}.")


def as_pixels(image: Float[Array | np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image in [0, 1] with 8 bits a channel."""
    return np.asarray(jax.device_get(image) * 255).round().clip(0, 255).astype(np.uint8)
