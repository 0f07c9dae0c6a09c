"""The pictures of the app: what a model sees, its masks with numbers, and the edited scene."""

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image, ImageDraw, ImageFont

from isa_eqx import ISA, Frame

from ..painting import PALETTE, overlay
from ..photo import OUTSIDE, as_pixels
from .editor import Editor

SIDE = 560  # pixels, about, of the longer side of a panel
DETAIL = 50_000  # pixels of slots that are decoded in a tenth of a second, on two busy cores
Panel = UInt8[np.ndarray, "h w 3"]


def rendered_size(model: ISA) -> tuple[int, int]:
    """Return the size, (height, width), in which edited scenes are rendered: at least the model's.

    It is so large as can be decoded while a slider is dragged.
    """
    height, width = model.config.image_size
    pixels = model.config.num_slots * height * width
    factor = max(1, int((DETAIL / pixels) ** 0.5)) if model.decoder.is_pixelwise else 1
    return height * factor, width * factor


def rendered(model: ISA, editor: Editor) -> tuple[Panel, Int[np.ndarray, "h w"]]:
    """Return the edited scene, and the slot of each of its pixels."""
    image, owner = editor.scene.render(model, rendered_size(model), editor.frames)
    return as_pixels(image), owner


def warm_up(model: ISA, editor: Editor) -> None:
    """Compile what rendering needs."""
    editor.scene.render(model, rendered_size(model), editor.frames)


def image_panel(editor: Editor) -> Panel:
    """Return what the model sees, with an outline around the selected slot."""
    return outlined(editor.scene.image, editor.labels, editor.selected)


def masks_panel(editor: Editor) -> Panel:
    """Return what the model sees, grey, in the colours of its slots, with their numbers."""
    labels = enlarged(editor.labels)
    grey = np.asarray(Image.fromarray(enlarged(editor.scene.image)).convert("L").convert("RGB"))
    picture = Image.fromarray(overlay(grey, labels, OUTSIDE))
    draw, unit = ImageDraw.Draw(picture), len(labels) / len(editor.labels)
    font = ImageFont.load_default(SIDE / 16)
    for slot in range(len(editor.edits)):
        mask = editor.labels == slot
        if mask.any():
            y, x = (np.array(innermost(mask)) + 0.5) * unit
            draw.text((x, y), str(slot), "white", font, "mm", stroke_width=4, stroke_fill="black")
    return outlined(np.asarray(picture), labels, editor.selected)


def scene_panel(model: ISA, editor: Editor) -> Panel:
    """Return the edited scene, with outline and frame of the selected slot."""
    image, owner = rendered(model, editor)
    panel = outlined(image, owner.astype(np.uint8), editor.selected)
    if editor.selected is None or editor.is_deleted or not editor.fields:
        return panel
    return with_cross(panel, editor, editor.selected)


def enlarged(image: np.ndarray) -> np.ndarray:
    """Return an (h, w, …) image a whole number of times as large, near to `SIDE`, unsmoothed."""
    factor = max(1, round(SIDE / max(image.shape[:2])))
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def slot_under(owner: Int[np.ndarray, "h w"], x: int, y: int) -> int:
    """Return the slot at a pixel of a panel, given that of each pixel of what it shows."""
    panel = enlarged(owner)
    return int(panel[min(y, len(panel) - 1), min(x, panel.shape[1] - 1)])


def outlined(image: Panel, labels: UInt8[np.ndarray, "h w"], slot: int | None) -> Panel:
    """Return the image as a panel, with a white and black line around a slot that has pixels."""
    panel, mask = enlarged(image), enlarged(labels) == slot
    near = grown(mask, 3)
    panel[grown(near, 3) & ~near] = 0
    panel[near & ~mask] = 255
    return panel


def grown(mask: Bool[np.ndarray, "h w"], width: int) -> Bool[np.ndarray, "h w"]:
    """Return a mask and what is at most `width` pixels from it, rows and columns added."""
    mask = mask.copy()
    for _ in range(width):
        before = mask.copy()
        mask[1:] |= before[:-1]
        mask[:-1] |= before[1:]
        mask[:, 1:] |= before[:, :-1]
        mask[:, :-1] |= before[:, 1:]
    return mask


def innermost(mask: Bool[np.ndarray, "h w"]) -> tuple[int, int]:
    """Return the (row, column) of a pixel of a mask that is far from its border."""
    outside = np.pad(~mask, 1, constant_values=True)
    while True:
        more = grown(outside, 1)
        if more.all():
            row, column = np.argwhere(~outside)[0]
            return int(row) - 1, int(column) - 1
        outside = more


def with_cross(panel: Panel, editor: Editor, slot: int) -> Panel:
    """Return a panel with a slot's frame as a cross, as long as its scale."""
    picture = Image.fromarray(panel)
    draw, ends = ImageDraw.Draw(picture), cross(editor.frames, slot, "scale" in editor.fields)
    size = np.array(panel.shape[1::-1])
    cells = np.array(editor.labels.shape[::-1])
    for width, colour in ((7, "black"), (3, "white")):
        for line in ends:
            # ±1 are the centres of the corner pixels of what the model sees.
            pixels = ((line + 1) / 2 * (cells - 1) + 0.5) * size / cells
            draw.line([tuple(end) for end in pixels.tolist()], colour, width)
    return np.asarray(picture)


def cross(frames: Frame, slot: int, is_scaled: bool) -> np.ndarray:
    """Return the ends of a frame's two axes, (axis, end, (x, y)), in grid units.

    - `is_scaled`: whether they are as long as the scale; else they are short.
    """
    centre = np.asarray(frames.position[slot])[::-1]
    scale = np.asarray(frames.scale[slot])[::-1] if is_scaled else np.full(2, 0.08)
    arms = np.asarray(frames.rotation[slot]).T * scale[:, None]
    return centre + np.stack([-arms, arms], axis=1)


def legend(editor: Editor) -> str:
    """Return the slots as HTML: colour, number, and how much of the image each has."""
    chips = []
    for slot, share in enumerate(editor.scene.shares):
        red, green, blue = PALETTE[slot % len(PALETTE)]
        words = f"{slot}: {share:.0%}"
        words += " (background)" if slot == editor.scene.background else ""
        words += " (deleted)" if slot not in editor.scene.kept else ""
        kind = "chip chosen" if slot == editor.selected else "chip"
        colour = f'<i style="background: rgb({red}, {green}, {blue})"></i>'
        chips.append(f'<span class="{kind}">{colour}slot {words}</span>')
    return "".join(chips)
