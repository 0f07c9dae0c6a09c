"""Animations of slots as GIFs: the image that they render to, beside the slot of each pixel."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from .painting import PALETTE
from .photo import as_pixels

SIDE = 256  # pixels, of the longer side of a panel
GAP, BELOW = 8, 22  # pixels between panels, and below them for captions
Panel = UInt8[np.ndarray, "h w 3"]


def panel_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width of a panel for images of a size."""
    factor = SIDE / max(size)
    return round(size[0] * factor), round(size[1] * factor)


def enlarged(image: Panel, size: tuple[int, int]) -> Panel:
    """Return an image in the size of a panel, its pixels to be seen."""
    return np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.NEAREST))


def painted(rendered: tuple[Any, Any]) -> tuple[Panel, Panel]:
    """Return what `render` returns as two panels."""
    image, owner = rendered
    return as_pixels(image), PALETTE[owner % len(PALETTE)]


def grid(rows: Sequence[Sequence[Panel]], captions: Sequence[str]) -> Image.Image:
    """Return rows of panels on white, with captions below the last one."""
    height, width = rows[0][0].shape[:2]
    across, down = len(captions) * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP
    sheet = Image.new("RGB", (across, down + BELOW), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for place, caption in enumerate(captions):
        left = place * (width + GAP)
        for row, panels in enumerate(rows):
            sheet.paste(Image.fromarray(panels[place]), (left, row * (height + GAP)))
        draw.text((left + width // 2, down + 3), caption, "#444444", font, anchor="ma")
    return sheet


def gif(images: Iterable[Image.Image], milliseconds: int) -> bytes:
    """Return an animation without end, in one palette, so that nothing flickers."""
    found = list(images)
    strip = Image.new("RGB", (found[0].width, found[0].height * min(4, len(found))))
    for place in range(min(4, len(found))):  # colours of the whole of it
        strip.paste(found[place * len(found) // 4], (0, place * found[0].height))
    palette = strip.quantize(255, Image.Quantize.MEDIANCUT)
    indexed = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in found]
    buffer = io.BytesIO()
    indexed[0].save(
        buffer, "gif", save_all=True, append_images=indexed[1:], duration=milliseconds, loop=0
    )
    return buffer.getvalue()
