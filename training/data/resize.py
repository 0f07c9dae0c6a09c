"""Bilinear resizing with half-pixel centres and without antialias, as the paper's data pipeline.

The host picks the rows and columns that are used, in 8 bits, and the device weights them in floats.
So nothing is rounded, and little of a large image is sent: of Waymo's 1280×1920 pixels 256×384.
"""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8


@dataclasses.dataclass(frozen=True)
class Resize:
    """Resizes images from one size, (height, width), to another.

    The same function as `jax.image.resize(…, "linear", antialias=False)`.
    """

    source: tuple[int, int]
    size: tuple[int, int]

    def pick(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "p q 3"]:
        """Return the rows and columns that the result depends on."""
        if self.source == self.size:
            return image
        (rows, _), (columns, _) = map(_taps, self.source, self.size)
        return image[rows[:, None], columns[None]]

    def weigh(self, picked: Float[Array, "p q 3"]) -> Float[Array, "h w 3"]:
        """Return the resized image, from the rows and columns that were picked."""
        if self.source == self.size:
            return picked
        (_, rows), (_, columns) = map(_taps, self.source, self.size)
        # Accelerators would otherwise round pixels to the 8 bits of bfloat16.
        return jnp.einsum("hp,pqc,wq->hwc", rows, picked, columns, precision="highest")

    def nearest(self, labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
        """Return resized labels: of each pixel, the label at its centre."""
        rows, columns = (
            ((2 * np.arange(new) + 1) * old) // (2 * new)
            for old, new in zip(self.source, self.size, strict=True)
        )
        return labels[rows[:, None], columns[None]]


@functools.cache
def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices along an axis that are used, and their weights, (new, indices)."""
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    low = np.floor(centres).astype(np.int64)
    share = centres - low
    weights = np.zeros((new, old))
    for places, weight in ((low, 1 - share), (low + 1, share)):
        np.add.at(weights, (np.arange(new), places.clip(0, old - 1)), weight)
    places = np.flatnonzero(weights.any(axis=0))
    return places, weights[:, places].astype(np.float32)
