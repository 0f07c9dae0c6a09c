"""Image files of any kind that Pillow reads, as the pixels that a person sees."""

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from .lfs import check_is_here
from .terminal import printable

SMALLEST = 8  # pixels, along both sides
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, all of them grey
# Ghostscript, Windows, or readers of other libraries.
_NEED_MORE = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG")
VOID = 255  # of a palette
_filters = threading.Lock()  # Python's filters of warnings are not for several threads


def formats() -> frozenset[str]:
    """Return the suffixes of the files that are read, in small letters."""
    suffixes = Image.registered_extensions()
    kinds = {*_kinds(), "MPO"}  # several JPEGs in one file, the first of which is read
    return frozenset(suffix for suffix, kind in suffixes.items() if kind in kinds)


def read_image_file(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as RGB, see `as_rgb`.

    Raises a `ValueError` that says what to do if it is no image or damaged, has fewer than 8 pixels
    along a side, or so many that Pillow suspects an attack (89 million).
    """
    with _file(path) as source:
        pixels = decode_image_file(source, str(path))
    if min(pixels.shape[:2]) < SMALLEST:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{printable(path)} is {width} pixels wide and {height} high; at least {SMALLEST} are "
            "wanted."
        )
    return pixels


def read_file(path: str | Path) -> bytes:
    """Read the bytes of an image file. Raises a `ValueError` that says what to do if it cannot."""
    with _file(path) as source:
        return source.read()


def read_label_file(path: str | Path) -> Integer[np.ndarray, "h w"]:
    """Read a label map, see `as_labels`. Errors: as of `read_image_file`."""
    with _file(path) as source:
        return decode_label_file(source, str(path))


def decode_image_file(data: bytes | IO[bytes], name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Decode the contents of an image file as RGB, see `as_rgb`.

    Raises a `ValueError` that begins with `name` if it is no image, damaged, or too large.
    """
    with _opened(data, printable(name)) as image:
        return as_rgb(image)


def decode_label_file(data: bytes | IO[bytes], name: str) -> Integer[np.ndarray, "h w"]:
    """Decode a label map, see `as_labels`. Errors: as of `decode_image_file`."""
    with _opened(data, printable(name)) as image:
        return as_labels(image)


def as_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    """Return an image as RGB.

    It is turned as its EXIF data says, 16 bits a channel become 8, what is transparent shows white
    behind it, and of an animation the first image is taken. Raises a `ValueError` for floats.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in _WIDE:
        wide = np.asarray(image).astype(np.int64)
        grey = (wide // 257 if wide.max() > 255 else wide).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("its pixels are floats; 8 or 16 bits a channel are wanted")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))


def as_labels(image: Image.Image) -> Integer[np.ndarray, "h w"]:
    """Return a label map: greys or indices of a palette as they are, of colours a number for each.

    0 is the background: black, and what is transparent if not all is. Of a palette it is index 0,
    or the only black one in use if index 0 is no black, as programs order palettes as they like;
    255 beside other objects, which is void in Pascal VOC, is background as well. It is turned as
    its EXIF data says, like the image. Raises a `ValueError` for fractions.
    """
    image = ImageOps.exif_transpose(image)
    seen = np.array(image.convert("RGBA"))[..., 3] > 0 if image.has_transparency_data else None
    if image.mode in ("P", "PA"):
        values = _from_palette(image.convert("P"))
    elif image.mode == "LA":
        values = np.array(image)[..., 0].astype(np.int64)
    elif image.mode in ("1", "L", "F", *_WIDE):
        values = np.array(image)
        if not (np.isfinite(values) & (values == np.trunc(values))).all():
            raise ValueError("its labels are fractions, or no numbers; whole numbers are wanted")
        values = values.astype(np.int64)
    else:
        values = np.array(image.convert("RGB")).astype(np.int64) @ 256 ** np.arange(3)
    return values if seen is None or not seen.any() else np.where(seen, values, 0)


def _from_palette(image: Image.Image) -> Integer[np.ndarray, "h w"]:
    indices = np.array(image).astype(np.int64)
    colours = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    used = np.unique(indices)
    black = [n for n in used if n < len(colours) and not colours[n].any()]
    if colours[0].any() and len(black) == 1:
        return np.where(indices == black[0], 0, indices + 1)
    is_void = used[-1] == VOID and len(used[used > 0]) > 1
    return np.where(indices == VOID, 0, indices) if is_void else indices


def _kinds() -> tuple[str, ...]:
    """Return the formats that are read: no program is started for any of them, as for EPS."""
    Image.init()
    return tuple(kind for kind in Image.OPEN if kind not in _NEED_MORE)


@contextlib.contextmanager
def _file(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file. Raises a `ValueError` that says what to do if it cannot be."""
    name = printable(path)
    if "://" in str(path):
        raise ValueError(f"{name} is an address; download it, and name the file.")
    if Path(path).is_dir():
        raise ValueError(f"{name} is a folder; name its files, such as {name}/*.png.")
    check_is_here(Path(path))
    try:
        with open(path, "rb") as file:
            yield file
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}.") from None
    except OSError as error:
        raise ValueError(f"{name} cannot be read ({error.strerror or error}).") from error


@contextlib.contextmanager
def _opened(data: bytes | IO[bytes], name: str) -> Iterator[Image.Image]:
    """Open an image. Whatever that raises becomes a `ValueError` that says what to do."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as odd metadata, which does not matter here
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(source, formats=_kinds())
        with image:
            yield image
    except UnidentifiedImageError:
        raise ValueError(f"{name} is no image, or of a format that Pillow cannot read.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first."
        ) from None
    except Exception as error:  # whatever decodes it
        said = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{name} is damaged, or cannot be read ({said}).") from error
