"""Paths that objects are carried along, as frames at moments from 0 to 1, back where they began."""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isa_eqx import ISA, Frame
from isa_eqx.symmetries import SYMMETRIES

Path = Literal["circle", "line", "none"]
_NEAR = 0.3  # an object this near to the centre is not carried around it
_RADIUS = 0.45


def carried(
    frames: Frame,
    slot: int,
    moments: Float[np.ndarray, " t"],
    path: Path,
    scale: float,
    angle: float,
) -> Frame:
    """Return the frames at each moment, (t, k, …), while one slot is carried along a path.

    - `path`: `circle`, around the centre of the image, or through the object where it is near to
      the centre; `line`, through the centre to the other side and back; `none`.
    - `scale`, `angle`: the factor, and the angle in radians, that it reaches half-way.
    """
    only = (np.arange(len(frames.position)) == slot).astype(np.float32)
    position = np.asarray(frames.position[slot])
    half_way = (1 - np.cos(2 * np.pi * moments)) / 2  # 0, then 1, then 0, and smooth
    shifts = _shifts(position, moments, half_way, path)

    def moved(shift: np.ndarray, share: float) -> Frame:
        factor = np.where(only, scale**share, 1)
        return frames.moved(
            shift=only[:, None] * shift,
            scale=jnp.asarray(np.stack([factor, factor], axis=1), jnp.float32),
            angle=only * angle * share,
            around=frames.position,
        )

    each = [moved(shift, float(share)) for shift, share in zip(shifts, half_way, strict=True)]
    return Frame(*(jnp.stack(leaves) for leaves in zip(*map(_leaves, each), strict=True)))


def _leaves(frames: Frame) -> tuple[Array, Array, Array]:
    return frames.position, frames.scale, frames.rotation


def _shifts(
    position: np.ndarray, moments: np.ndarray, half_way: np.ndarray, path: Path
) -> Float[np.ndarray, "t 2"]:
    if path == "none":
        return np.zeros((len(moments), 2))
    if path == "line":
        return -2 * half_way[:, None] * position
    away = np.linalg.norm(position)
    arm = position if away > _NEAR else np.array([_RADIUS, 0.0])
    turns = 2 * np.pi * moments
    y, x = arm
    cos, sin = np.cos(turns), np.sin(turns)
    return np.stack([y * cos + x * sin, x * cos - y * sin], axis=1) - arm


def check_fields(model: ISA, path: Path, scale: float, degrees: float) -> None:
    """Raise a `ValueError` if the model's frames lack what is to be changed."""
    wanted = {
        "position": ("move", path != "none"),
        "scale": ("scale", scale != 1),
        "rotation": ("rotate", degrees != 0),
    }
    for field, (verb, is_wanted) in wanted.items():
        if is_wanted and field not in model.symmetry.fields:
            raise ValueError(
                f"slots of {model.config.variant} have no {field} to {verb} them by; take a model "
                f"of {' or '.join(variants_with(field))}."
            )


def variants_with(field: str) -> list[str]:
    """Return the variants whose frames have a field."""
    return [variant for variant, symmetry in SYMMETRIES.items() if field in symmetry.fields]
