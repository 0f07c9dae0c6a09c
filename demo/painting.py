"""Colours of slots, and overlays of masks on photos."""

import io

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from training.data import COLOURS

PALETTE = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLOURS], np.uint8)
BLACK = np.zeros((1, 3), np.uint8)
_STRENGTH = 0.55  # of a slot's colour over the photo
_DARKENED = 0.3  # what the model has not seen


def overlay(
    pixels: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"], outside: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Return the photo in the colours of its slots, with a line between them.

    - `outside`: the label of what the model has not seen, which is darkened.
    """
    colours = np.concatenate([np.resize(PALETTE, (outside, 3)), BLACK]).astype(np.float32)
    share = np.full((outside + 1, 1), _STRENGTH, np.float32)
    share[outside] = 1 - _DARKENED
    painted = np.empty_like(pixels)
    for top in range(0, len(pixels), 256):  # in strips: floats of a large photo are gigabytes
        rows = slice(top, top + 256)
        mix = share[labels[rows]]
        painted[rows] = (1 - mix) * pixels[rows] + mix * colours[labels[rows]]
    painted[borders(labels, max(1, min(labels.shape) // 400))] = 255
    return painted


def borders(labels: UInt8[np.ndarray, "h w"], width: int) -> Bool[np.ndarray, "h w"]:
    """Return where a label borders on another one, in lines that are `width` pixels wide."""
    found = np.zeros(labels.shape, bool)
    found[:, width:] |= labels[:, width:] != labels[:, :-width]
    found[width:] |= labels[width:] != labels[:-width]
    return found


def indexed(labels: UInt8[np.ndarray, "h w"]) -> bytes:
    """Return a label map as PNG with a palette: labels as they are, in the colours of slots."""
    image = Image.fromarray(labels, "P")
    image.putpalette(np.concatenate([np.resize(PALETTE, (255, 3)), BLACK]).tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()
