"""What models see of an image, and which labels are scored, as published."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

Crop = Callable[[int, int], tuple[slice, slice]]
Labels = UInt8[np.ndarray, "h w"]

SMALLEST_MASK = 0.01  # of the pixels
MAX_OBJECTS = 11


def full_crop(height: int, width: int) -> tuple[slice, slice]:
    """Crop nothing."""
    return slice(height), slice(width)


def box_crop(top: int, bottom: int, left: int, right: int) -> Crop:
    """Return a crop to rows and columns. It raises a `ValueError` for an image without them."""

    def crop(height: int, width: int) -> tuple[slice, slice]:
        if height < bottom or width < right:
            raise ValueError(
                f"its picture is {height}×{width}; rows {top} to {bottom} and columns {left} to "
                f"{right} are wanted of it."
            )
        return slice(top, bottom), slice(left, right)

    return crop


def centre_crop(size: int) -> Crop:
    """Return a crop to the central square. It raises a `ValueError` for a smaller image."""

    def crop(height: int, width: int) -> tuple[slice, slice]:
        if min(height, width) < size:
            raise ValueError(f"its picture is {height}×{width}; {size}×{size} are wanted of it.")
        top, left = (height - size) // 2, (width - size) // 2
        return slice(top, top + size), slice(left, left + size)

    return crop


def unchanged(labels: Labels) -> Labels:
    """Return the labels unchanged."""
    return labels


def largest_objects(labels: Labels) -> Labels:
    """Keep the eleven largest objects with at least 1 % of the pixels; the rest is background.

    They become 1, 2, … in the order of their labels.
    """
    sizes = np.bincount(labels.reshape(-1), minlength=256)
    sizes[0] = 0
    large = np.flatnonzero(sizes >= SMALLEST_MASK * labels.size)
    kept = np.sort(large[np.argsort(-sizes[large], kind="stable")][:MAX_OBJECTS])
    renamed = np.zeros(256, np.uint8)
    renamed[kept] = np.arange(1, len(kept) + 1)
    return renamed[labels]
