"""The row of an image of one's own: cropped, shrunk, its labels numbered anew."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image
from tqdm import tqdm

from ...common.image_file import SMALLEST
from ...common.terminal import printable
from .jpeg import to_store
from .rows import MAX_LABEL, Row, make_row

SIDE = 256  # pixels: images with a longer shorter side are shrunk to it


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image and its label map, and the file that it was decoded from."""

    pixels: UInt8[np.ndarray, "h w 3"]
    labels: Integer[np.ndarray, "h2 w2"] | None
    file: bytes


def make_image_row(
    name: str, index: int, read: Callable[[], Picture], keep_aspect: bool
) -> Row | None:
    """Return the row of an image, cropped and shrunk; `None`, with a sentence, if it is broken."""
    try:
        found = read()
        pixels, labels = found.pixels, found.labels
        if min(pixels.shape[:2]) < SMALLEST:
            raise ValueError(
                f"it is {pixels.shape[1]} pixels wide and {pixels.shape[0]} high; at least "
                f"{SMALLEST} are wanted."
            )
        if labels is not None and labels.shape != pixels.shape[:2]:
            sizes = [f"{width}×{height}" for height, width in (labels.shape, pixels.shape[:2])]
            raise ValueError(f"its mask is {sizes[0]}, the image {sizes[1]}; make them alike.")
        labels = None if labels is None else _renumbered(labels)
    except ValueError as error:
        said = str(error)
        tqdm.write(printable(f"Left out: {said if said.startswith(name) else f'{name}: {said}'}"))
        return None
    if not keep_aspect:
        side = min(pixels.shape[:2])
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        square = slice(top, top + side), slice(left, left + side)
        pixels, labels = pixels[square], None if labels is None else labels[square]
    pixels, labels = _shrunk(pixels, labels)
    is_whole = pixels.shape == found.pixels.shape
    return make_row(index, to_store(pixels, found.file, is_whole), labels)


def _renumbered(labels: Integer[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return the labels as 1, 2, … in their order, and 0, and what is below, as 0."""
    values, places = np.unique(np.maximum(labels, 0), return_inverse=True)
    numbers = np.arange(len(values)) + (values[0] != 0)
    if numbers[-1] > MAX_LABEL:
        raise ValueError(f"a mask has {numbers[-1]} objects; at most {MAX_LABEL} are possible.")
    return numbers[places].astype(np.uint8).reshape(labels.shape)


def _shrunk(
    pixels: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"] | None
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2"] | None]:
    height, width = pixels.shape[:2]
    factor = SIDE / min(height, width)
    if factor >= 1:
        return pixels, labels
    size = round(width * factor), round(height * factor)
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    if labels is not None:
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return small, labels
