"""The row of a scene: the format of every dataset, on disk and on the Hub.

A row is a dictionary with the columns of `features`. Its image and its label map are encoded.
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

NAMED_PROPERTIES = (
    "shape",
    "color",
    "material",
    "size",
)  # of an object, in words or in the source's codes
PROPERTIES = (*NAMED_PROPERTIES, "position", "rotation", "scale")
MAX_LABEL = 255
_PNG = b"\x89PNG\r\n\x1a\n"


@functools.cache
def features() -> "Features":
    """Return the columns of a row.

    - `image`: RGB, as PNG, or as JPEG if it was one in the source.
    - `mask`: the label map as 8-bit PNG, 0 for the background; null unless `has_mask`.
    - `index`: number of the scene in its source.
    - `num_objects`: number of objects, background excluded.
    - `visibility`: whether labels 1, 2, … can be seen; empty if the source does not say.
    - `objects`: a list for each property, with the values of labels 1, 2, …; empty if the source
      does not have it. `position`, (x, y) or (x, y, z), `rotation` and `scale` are in the source's
      units. Those of procedural scenes are the object's true frame: (y, x), radians, (y, x), in
      grid units, and NaN for labels that are no objects.
    - `overlap_pixels`: number of pixels with several masks in the source; the first mask is taken.
    - `uncovered_pixels`: number of pixels with none; they become background.
    """
    from datasets import Features, Image, List, Value

    named = {name: List(Value("string")) for name in NAMED_PROPERTIES}
    places = {
        "position": List(List(Value("float32"))),
        "rotation": List(Value("float32")),
        "scale": List(List(Value("float32"))),
    }
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


def make_row(
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
    """Make a row; see `features` for its columns.

    - `image`: pixels, or an encoded image that is kept as it is.
    - `mask`: integer labels, (h, w); `None` if the source has none.
    - `num_objects`: by default the number of labels in the mask other than 0.

    Raises a `ValueError` if labels are outside 0 … 255, or if the mask is of another size than the
    image.
    """
    pixels = decode_image(image) if isinstance(image, bytes) else image
    if mask is not None:
        if mask.shape != pixels.shape[:2]:
            raise ValueError(f"its mask is {_size(mask)}, its image {_size(pixels)}.")
        if mask.size and not (mask.min() >= 0 and mask.max() <= MAX_LABEL):
            raise ValueError(
                f"its labels go from {mask.min()} to {mask.max()}; a mask holds 0 to {MAX_LABEL}."
            )
        mask = mask.astype(np.uint8)
    if num_objects is None:
        num_objects = 0 if mask is None else int(np.count_nonzero(np.unique(mask)))
    known = {name: list(values) for name, values in (objects or {}).items()}
    return dict(
        image=_image_cell(image if isinstance(image, bytes) else encode_png(pixels)),
        mask=None if mask is None else _image_cell(encode_png(mask)),
        index=index,
        num_objects=num_objects,
        has_mask=mask is not None,
        visibility=[bool(v) for v in visibility],
        objects={name: known.get(name, []) for name in PROPERTIES},
        overlap_pixels=overlap_pixels,
        uncovered_pixels=uncovered_pixels,
    )


def label_map(masks: Bool[np.ndarray, "k h w"]) -> tuple[UInt8[np.ndarray, "h w"], int, int]:
    """Return the label map of one mask for each entity, at most 256.

    The first entity of a pixel is taken, and 0 if there is none. Also returns how many pixels have
    several entities, and how many none.
    """
    labels = np.zeros(masks.shape[1:], np.uint8)
    count = np.zeros_like(labels)
    for k in reversed(range(len(masks))):
        np.copyto(labels, np.uint8(k), where=masks[k])
        count += masks[k]
    return labels, int(np.count_nonzero(count > 1)), int(np.count_nonzero(count == 0))


def encode_png(pixels: UInt8[np.ndarray, "h w *c"]) -> bytes:
    """Encode RGB pixels or a label map as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def decode_image(data: bytes | None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an image; an alpha channel is dropped.

    Raises a `ValueError` if the data is no image or damaged.
    """
    image = _open_image(data, "image")
    image = image if image.mode == "RGB" else image.convert("RGB")
    pixels = np.frombuffer(image.tobytes(), np.uint8)
    return pixels.reshape(image.height, image.width, 3)


def decode_labels(data: bytes | None) -> np.ndarray:
    """Decode a label map, (h, w): of a palette the indices, not the colours.

    Raises a `ValueError` if the data is no image of one channel or damaged.
    """
    labels = np.array(_open_image(data, "mask"))
    depth, colour = data[24:26] if data and data.startswith(_PNG) else (8, 0)
    if colour == 0 and depth in (2, 4):  # of greys, which come enlarged to 0 … 255
        labels //= 255 // (2**depth - 1)
    if labels.ndim != 2:
        raise ValueError(f"its mask is a picture in colour, {_size(labels)}, and no map of labels.")
    return labels


def _open_image(data: bytes | None, what: str) -> Image.Image:
    if data is None:
        raise ValueError(f"its {what} is not in the row; what a row only names is not read.")
    _check_png(data, what)
    try:
        # A row may be anyone's, and for some formats Pillow starts other programs.
        image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
        image.load()
    except UnidentifiedImageError as error:
        raise ValueError(f"its {what} is no picture.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"its {what} is damaged or no picture ({error}).") from error
    return image


def _check_png(data: bytes, what: str) -> None:
    """Raise a `ValueError` if a chunk of a PNG does not match its checksum.

    Pillow does not check that of chunks with pixels.
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


def _image_cell(data: bytes) -> dict[str, Any]:
    return {"bytes": data, "path": None}


def _size(array: np.ndarray) -> str:
    return "×".join(map(str, array.shape))
