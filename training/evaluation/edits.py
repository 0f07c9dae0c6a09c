"""Do objects follow their frames: what is painted after a slot's frame has been edited."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from isa_eqx import ISA, Output, coordinates
from isa_eqx.grid import rotated, rotation_matrix

from ..data import pose
from .axes import axis_error, is_elongated, longer_axis, pixels_per_unit
from .table import Column

SHIFT = 0.2  # in grid units: a tenth of the image
SCALE = 1.25
TURN = math.radians(20)

FOLLOWED = {
    "shift_error": Column("shifted by a tenth: error, pixels", 2),
    "growth_error": Column("scaled by 1.25: error, %", 1),
    "turn_error": Column("turned by 20°: error, °", 1),
}

Masks = Bool[Array, "k h w"]


def follow(
    model: ISA, out: Output, slot: Int[Array, " i"], is_object: Bool[Array, " i"]
) -> dict[str, Float[Array, " i"]]:
    """Return how far the masks of objects are from where their edited frames are.

    One frame is edited at a time: shifted by a tenth of the image towards its centre, or in its
    place scaled by 1.25, or turned by 20°. The whole image is decoded again, and the pixels in
    which the slot's mask is the largest are compared with those before:

    - `shift_error`: distance in pixels from where their centre should be.
    - `growth_error`: |√(ratio of areas) / 1.25 - 1|, in per cent.
    - `turn_error`: angle in degrees from where their longer axis should be, of objects whose
      spreads differ by a quarter or more.

    An object counts if it has room: where its mask should be is within the image, and not another
    object's. A mask that is gone is off by all of the edit. NaN where an object does not count, or
    the variant's frames lack what is edited.

    - `slot`, `is_object`: the slots of some labels, and which of these are objects to measure.
    """
    frames, fields = out.frames, model.symmetry.fields
    masks = _owned(out.mask_logits, out.mask_logits)
    is_slot = (slot[:, None] == jnp.arange(len(masks), dtype=slot.dtype)[None]) & is_object[:, None]
    objects = masks & is_slot.any(axis=0)[:, None, None]
    others = objects.any(axis=0)[None] & ~objects

    away = jnp.linalg.norm(frames.position, axis=1, keepdims=True)
    inwards = -SHIFT * frames.position / jnp.maximum(away, 1e-6)
    edits = {
        "shift_error": ("position", dict(shift=inwards)),
        "growth_error": ("scale", dict(scale=SCALE)),
        "turn_error": ("rotation", dict(angle=TURN)),
    }
    errors = {}
    for name, (field, edit) in edits.items():
        if field not in fields:
            errors[name] = jnp.full(slot.shape, jnp.nan, jnp.float32)
            continue
        edited = frames.moved(**edit, around=frames.position)
        after = _owned(model.decode(out.slots, edited).mask_logits, out.mask_logits)
        wanted = _moved(masks, frames.position, **edit)
        is_clear = ~(_at_border(masks) | _at_border(wanted) | (wanted & others).any(axis=(1, 2)))
        found, counts = _errors(masks, after, inwards)[name]
        errors[name] = jnp.where(is_object & (is_clear & counts)[slot], found[slot], jnp.nan)
    return errors


def _owned(logits: Float[Array, "k h w"], of_others: Float[Array, "k h w"]) -> Masks:
    """Return the pixels that each slot has with its logits, among the others with theirs."""
    is_own = of_others.argmax(axis=0)[None] == jnp.arange(len(logits))[:, None, None]
    second = jnp.where(is_own, -jnp.inf, of_others).max(axis=0)[None]
    return logits > jnp.where(is_own, second, of_others.max(axis=0)[None])


def _errors(
    before: Masks, after: Masks, shift: Float[Array, "k 2"]
) -> dict[str, tuple[Float[Array, " k"], Bool[Array, " k"]]]:
    """Return, for each edit, the error of each mask, and whether it can be told."""
    pixels = pixels_per_unit(*before.shape[1:])
    here, there = pose(before), pose(after)
    areas = [masks.sum(axis=(1, 2), dtype=jnp.float32) for masks in (before, after)]
    is_there, is_left = (area > 0 for area in areas)
    off = there.position - here.position - shift
    distance = jnp.linalg.norm(jnp.where(is_left[:, None], off, shift) * pixels, axis=1)
    growth = jnp.sqrt(areas[1] / jnp.maximum(areas[0], 1)) / SCALE
    turn = axis_error(longer_axis(there), longer_axis(here) + TURN)
    return {
        "shift_error": (distance, is_there),
        "growth_error": (100 * jnp.abs(growth - 1), is_there),
        "turn_error": (
            jnp.where(is_left, turn, math.degrees(TURN)),
            is_there & is_elongated(here),
        ),
    }


def _moved(
    masks: Masks,
    around: Float[Array, "k 2"],
    shift: Float[Array, "k 2"] | None = None,
    scale: float = 1.0,
    angle: float = 0.0,
) -> Masks:
    """Return masks as they should be after an edit, by the nearest pixel."""
    height, width = masks.shape[1:]
    centre = around if shift is None else around + shift
    relative = coordinates(height, width)[None] - centre[:, None]
    turn = rotation_matrix(jnp.full(len(masks), angle, jnp.float32))
    source = rotated(relative, turn) / scale + around[:, None]
    nearest = jnp.round((source + 1) * pixels_per_unit(height, width)[None]).astype(jnp.int32)
    y, x = nearest[..., 0], nearest[..., 1]
    is_inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    picked = jax.vmap(lambda mask, y, x: mask.at[y, x].get(mode="clip"))(masks, y, x)
    return (picked & is_inside).reshape(masks.shape)


def _at_border(masks: Masks) -> Bool[Array, " k"]:
    edges = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    return jnp.stack([edge.any(axis=1) for edge in edges]).any(axis=0)
