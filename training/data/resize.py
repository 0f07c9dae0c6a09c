"""Bilinear resizing with half-pixel centres and without antialias, as the paper's data pipeline.

The host picks the 8-bit rows and columns that are looked at, the device weighs them in floats. So
nothing is rounded, and of a large picture little is sent: of Waymo's 1280×1920 pixels 256×384.
"""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8


@dataclasses.dataclass(frozen=True)
class Resize:
    """From pictures of one size, (height, width), to another; the same as
    `jax.image.resize(…, "linear", antialias=False)`.
    """

    source: tuple[int, int]
    size: tuple[int, int]

    def pick(self, image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "p q 3"]:
        """The rows and columns that some pixel of the result depends on."""
        if self.source == self.size:
            return image
        (rows, _), (columns, _) = map(_taps, self.source, self.size)
        return image[rows[:, None], columns[None]]

    def weigh(self, picked: Float[Array, "p q 3"]) -> Float[Array, "h w 3"]:
        """The result, from what was picked."""
        if self.source == self.size:
            return picked
        (_, rows), (_, columns) = map(_taps, self.source, self.size)
        # Accelerators would otherwise round pixels to the 8 bits of bfloat16.
        return jnp.einsum("hp,pqc,wq->hwc", rows, picked, columns, precision="highest")

    def nearest(self, labels: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
        """Labels, which have no mean: that of the pixel in which the centre lies."""
        rows, columns = (
            ((2 * np.arange(new) + 1) * old) // (2 * new)
            for old, new in zip(self.source, self.size, strict=True)
        )
        return labels[rows[:, None], columns[None]]


@functools.cache
def _taps(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """The places along an axis that are looked at, and their weights, (new, places)."""
    centres = (np.arange(new) + 0.5) * old / new - 0.5
    low = np.floor(centres).astype(np.int64)
    share = centres - low
    weights = np.zeros((new, old))
    for places, weight in ((low, 1 - share), (low + 1, share)):
        np.add.at(weights, (np.arange(new), places.clip(0, old - 1)), weight)
    places = np.flatnonzero(weights.any(axis=0))
    return places, weights[:, places].astype(np.float32)
