"""Image files of any kind that Pillow reads, as the pixels that a person sees."""

import contextlib
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

SMALLEST = 8  # pixels, along both sides
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, all of them grey
_filters = threading.Lock()  # Python's filters of warnings are not for several threads


def read_image_file(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as RGB, see `as_rgb`.

    Raises a `ValueError` that says what to do if it is no image or damaged, has fewer than 8 pixels
    along a side, or so many that Pillow suspects an attack (89 million).
    """
    with _sentences(str(path)), _opened(str(path)) as image:
        pixels = as_rgb(image)
    if min(pixels.shape[:2]) < SMALLEST:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{path} is {width} pixels wide and {height} high; at least {SMALLEST} are wanted."
        )
    return pixels


def read_label_file(path: str | Path) -> Integer[np.ndarray, "h w"]:
    """Read a label map, see `as_labels`. Errors: as of `read_image_file`."""
    with _sentences(str(path)), _opened(str(path)) as image:
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

    0, or black, stays 0. Alpha is ignored.
    """
    if image.mode in ("RGBA", "LA", "PA"):
        image = image.convert({"RGBA": "RGB", "LA": "L", "PA": "P"}[image.mode])
    values = np.array(image).astype(np.int64)
    if values.ndim == 3:
        values = values @ 256 ** np.arange(values.shape[2])
    return values


@contextlib.contextmanager
def _sentences(name: str) -> Iterator[None]:
    """Turn what reading a file may raise into a `ValueError` that says what to do."""
    if "://" in name:
        raise ValueError(f"{name} is an address; download it, and name the file.")
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder; name its files, such as {name}/*.png.")
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"there is no file {name}.") from None
    except UnidentifiedImageError:
        raise ValueError(f"{name} is no image, or of a format that Pillow cannot read.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ValueError(f"{name} is damaged, or cannot be read ({error}).") from error


@contextlib.contextmanager
def _opened(name: str) -> Iterator[Image.Image]:
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as odd metadata, which does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(name)
    with image:
        yield image
