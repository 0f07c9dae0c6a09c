"""Images of any size, as a model sees them: cropped to its shape, and shrunk without aliasing."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from .cropping import Crop


def shape_crop(size: tuple[int, int]) -> Crop:
    """Return a crop to the largest part in the middle that is shaped as (height, width)."""

    def crop(height: int, width: int) -> tuple[slice, slice]:
        wanted_height, wanted_width = size
        rows = min(height, max(1, round(width * wanted_height / wanted_width)))
        columns = min(width, max(1, round(height * wanted_width / wanted_height)))
        top, left = (height - rows) // 2, (width - columns) // 2
        return slice(top, top + rows), slice(left, left + columns)

    return crop


def resize_image(
    image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Return the image in (height, width), bilinear and with antialias.

    The published pipeline has no antialias (`Resize`): enough where images are shrunk a little, but
    of a photo it would keep a pixel in hundreds.
    """
    shrunk = Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(shrunk)
