"""Image files of any kind that Pillow reads, as the pixels that a person sees."""

import threading
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

SMALLEST = 8  # pixels, along both sides
_WIDE = ("I", "I;16", "I;16B", "I;16L", "I;16N")  # 16 bits a pixel, all of them grey
_filters = threading.Lock()  # Python's filters of warnings are not for several threads


def read_image_file(path: str | Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read an image file as RGB.

    It is turned as its EXIF data says, 16 bits a channel become 8, what is transparent shows white
    behind it, and of an animation the first image is taken.

    Raises a `ValueError` that says what to do if it is no image or damaged, has fewer than 8 pixels
    along a side, or so many that Pillow suspects an attack (89 million).
    """
    name = str(path)
    if "://" in name:
        raise ValueError(f"{name} is an address; download it, and name the file.")
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder; name its files, such as {name}/*.png.")
    try:
        image = _open(name)
        pixels = _as_rgb(ImageOps.exif_transpose(image))
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
    if min(pixels.shape[:2]) < SMALLEST:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{name} has {height}×{width} pixels; at least {SMALLEST}×{SMALLEST} are wanted."
        )
    return pixels


def _open(name: str) -> Image.Image:
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as odd metadata, which does not matter here
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(name)
        image.load()
    return image


def _as_rgb(image: Image.Image) -> UInt8[np.ndarray, "h w 3"]:
    if image.mode in _WIDE:
        wide = np.asarray(image).astype(np.int64)
        grey = (wide // 257 if wide.max() > 255 else wide).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("it has floats for pixels; 8 or 16 bits a channel are wanted")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
