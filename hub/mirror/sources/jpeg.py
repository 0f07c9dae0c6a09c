"""JPEG in a mirror: a photo's own file, or one of high quality."""

import io
import re

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from .rows import decode_image

QUALITY = 95  # the highest that Pillow advises
_START = b"\xff\xd8"
# Among a scan's own bytes 0xff stands before 0, or before the number of a restart.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_APPLICATIONS = range(0xE0, 0xF0)
_OF_COLOURS = (0xE0, b"JFIF"), (0xE2, b"ICC_PROFILE"), (0xEE, b"Adobe")


def to_store(
    pixels: UInt8[np.ndarray, "h w 3"], file: bytes, is_whole: bool
) -> UInt8[np.ndarray, "h w 3"] | bytes:
    """Return what a row holds of an image: a JPEG's bytes, or pixels, which become a PNG.

    - `pixels`: what is left of the image.
    - `file`: what they were decoded from. A JPEG that shows just these pixels is kept, without its
      metadata; other pixels of a JPEG become one of quality 95. Of other formats nothing is lost.
    - `is_whole`: whether nothing was cut off or shrunk.
    """
    if not file.startswith(_START):
        return pixels
    own = without_metadata(file) if is_whole else None
    return own if own is not None and _shows(own, pixels) else _encode(pixels)


def without_metadata(data: bytes) -> bytes | None:
    """Return a JPEG without what cameras and programs write into it; `None` if it is damaged.

    EXIF, XMP, IPTC and comments say where, when and by whom a photo was taken, and a mirror may be
    public. What follows the end of the picture goes, too. Pixels stay as they are, but are no
    longer turned by EXIF.
    """
    kept, place, last = [data[: len(_START)]], len(_START), 0
    while (found := _MARKER.search(data, place)) is not None:
        kind, begin = found[1][0], found.end()
        if last == _SCAN:
            kept.append(data[place : found.start()])
        if kind == _END:
            return b"".join([*kept, found[0]])
        place = begin + int.from_bytes(data[begin : begin + 2], "big")
        if _is_picture(kind, data[begin + 2 : place]):
            kept.append(data[found.start() : place])
        last = kind
    return None


def _is_picture(kind: int, content: bytes) -> bool:
    """Return whether a segment says what the pixels are."""
    if kind in _APPLICATIONS:
        return any(kind == of and content.startswith(name) for of, name in _OF_COLOURS)
    return kind != _COMMENT


def _shows(file: bytes, pixels: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Return whether a JPEG has just these pixels, which were turned if its EXIF said so."""
    try:
        return np.array_equal(decode_image(file), pixels)
    except ValueError:
        return False


def _encode(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    buffer = io.BytesIO()
    # Colours in full resolution, which a photo that was shrunk has.
    Image.fromarray(pixels).save(buffer, "jpeg", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
