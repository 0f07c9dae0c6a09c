"""The canonical row of a scene: what every dataset becomes, on disk and on the Hub.

A row is a dictionary of `FEATURES`. Pictures are encoded, so that a row is as small as its file.
"""

import functools
import io
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from datasets import Features

Row = dict[str, Any]

NAMED = "shape", "color", "material", "size"  # of an object, in words or in the source's codes
LARGEST_LABEL = 255
_PNG = b"\x89PNG\r\n\x1a\n"


@functools.cache
def features() -> "Features":
    """The columns.

    - `image`: RGB, as PNG, or as the JPEG that the source has. `mask`: PNG of one byte a pixel, the
      label map, 0 the background; null where there is none (`has_mask`).
    - `index`: the scene's number in its source. `num_objects`: how many, but for the background.
    - `visibility` and the lists of `objects` describe labels 1, 2, …, and are empty where the
      source does not; `position` is (x, y) or (x, y, z) in the source's units, `rotation` likewise.
    - `overlap_pixels`, `uncovered_pixels`: in how many pixels several masks of the source, or none,
      are set; there the first one wins, or the pixel becomes background.
    """
    from datasets import Features, Image, List, Value

    named = {name: List(Value("string")) for name in NAMED}
    places = {"position": List(List(Value("float32"))), "rotation": List(Value("float32"))}
    return Features(
        image=Image(),
        mask=Image(),
        index=Value("int64"),
        num_objects=Value("int32"),
        has_mask=Value("bool"),
        visibility=List(Value("bool")),
        objects={**named, **places},
        overlap_pixels=Value("int32"),
        uncovered_pixels=Value("int32"),
    )


def row(
    index: int,
    image: UInt8[np.ndarray, "h w 3"] | bytes,
    mask: np.ndarray | None,
    *,
    num_objects: int | None = None,
    visibility: Sequence[bool] = (),
    objects: Mapping[str, Sequence[Any]] | None = None,
    overlap_pixels: int = 0,
    uncovered_pixels: int = 0,
) -> Row:
    """A row of `features()`.

    - `image`: pixels, or an encoded picture that is kept as it is.
    - `mask`: integer labels, (h, w); `None` where the source has none.
    - `num_objects`: by default the labels in the mask, but for 0.

    Raises a `ValueError` for labels outside 0 … 255 and for a mask of another size than the image.
    """
    pixels = decode_image(image) if isinstance(image, bytes) else image
    if mask is not None:
        if mask.shape != pixels.shape[:2]:
            raise ValueError(f"its mask is {_size(mask)}, its image {_size(pixels)}.")
        if mask.size and not (mask.min() >= 0 and mask.max() <= LARGEST_LABEL):
            raise ValueError(
                f"its labels go from {mask.min()} to {mask.max()}; a mask holds 0 to "
                f"{LARGEST_LABEL}."
            )
        mask = mask.astype(np.uint8)
    if num_objects is None:
        num_objects = 0 if mask is None else int(np.count_nonzero(np.unique(mask)))
    known = {name: list(values) for name, values in (objects or {}).items()}
    return dict(
        image=_encoded(image if isinstance(image, bytes) else png(pixels)),
        mask=None if mask is None else _encoded(png(mask)),
        index=index,
        num_objects=num_objects,
        has_mask=mask is not None,
        visibility=[bool(v) for v in visibility],
        objects={name: known.get(name, []) for name in (*NAMED, "position", "rotation")},
        overlap_pixels=overlap_pixels,
        uncovered_pixels=uncovered_pixels,
    )


def label_map(masks: Bool[np.ndarray, "k h w"]) -> tuple[UInt8[np.ndarray, "h w"], int, int]:
    """One label a pixel from a mask for each entity, and the numbers of pixels with several and
    with none. The first entity wins; a pixel of none becomes 0. At most 256 entities.
    """
    labels = np.zeros(masks.shape[1:], np.uint8)
    count = np.zeros_like(labels)
    for k in reversed(range(len(masks))):
        np.copyto(labels, np.uint8(k), where=masks[k])
        count += masks[k]
    return labels, int(np.count_nonzero(count > 1)), int(np.count_nonzero(count == 0))


def png(pixels: UInt8[np.ndarray, "h w *c"]) -> bytes:
    """Pixels of RGB or of labels as PNG, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def decode_image(data: bytes) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels of an encoded picture, without transparency.

    Raises a `ValueError` if it is none, or damaged.
    """
    picture = _opened(data, "image")
    picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    pixels = np.frombuffer(picture.tobytes(), np.uint8)
    return pixels.reshape(picture.height, picture.width, 3)


def decode_labels(data: bytes) -> np.ndarray:
    """The values of an encoded label map, (h, w): of a palette the indices, not its colours.

    Raises a `ValueError` if it is none, or damaged.
    """
    labels = np.array(_opened(data, "mask"))
    depth, colour = data[24:26] if data.startswith(_PNG) else (8, 0)
    if colour == 0 and depth in (2, 4):  # of greys, which come enlarged to 0 … 255
        labels //= 255 // (2**depth - 1)
    if labels.ndim != 2:
        raise ValueError(f"its mask is a picture in colour, {_size(labels)}, and no map of labels.")
    return labels


def _opened(data: bytes, what: str) -> Image.Image:
    _check_png(data, what)
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except UnidentifiedImageError as error:
        raise ValueError(f"its {what} is no picture.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"its {what} is damaged or no picture ({error}).") from error
    return picture


def _check_png(data: bytes, what: str) -> None:
    """A `ValueError` if a part of a PNG is not what its checksum says, which Pillow does not look
    at where pixels are.
    """
    place = len(_PNG)
    while data.startswith(_PNG):
        end = place + int.from_bytes(data[place : place + 4], "big") + 12
        if end > len(data) or end < place + 12:
            raise ValueError(f"its {what} is damaged (the PNG is cut off).")
        kind, checksum = data[place + 4 : place + 8], int.from_bytes(data[end - 4 : end], "big")
        if zlib.crc32(memoryview(data)[place + 4 : end - 4]) != checksum:
            raise ValueError(f"its {what} is damaged (a checksum of the PNG differs).")
        if kind == b"IEND":
            return
        place = end


def _encoded(data: bytes) -> dict[str, Any]:
    return {"bytes": data, "path": None}


def _size(array: np.ndarray) -> str:
    return "×".join(map(str, array.shape))
