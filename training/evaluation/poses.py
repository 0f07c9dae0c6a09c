"""Frames against the true poses of objects."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from isa_eqx import ISA, Frame, Output
from isa_eqx.symmetries import SYMMETRIES

from .axes import (
    axis_error,
    axis_vector,
    is_elongated,
    longer_axis,
    pixels_per_unit,
    sorted_scale,
    upright_scale,
)
from .table import Column

Values = dict[str, Float[Array, "..."]]

TRUE = {
    "found": Column("objects found"),
    "position_error": Column("position error, pixels", 2),
    "scale_error": Column("scale error, %", 1),
    "angle_error": Column("angle error, °", 1),
    "position_share": Column("R² of position"),
    "scale_share": Column("R² of scale"),
    "angle_share": Column("R² of angle"),
}
# The measures of what a frame may lack.
OF_FIELD = {
    "position": ("position_error", "position_share"),
    "scale": ("scale_error", "scale_share"),
    "rotation": ("angle_error", "angle_share"),
}


def compare_poses(model: ISA, out: Output, truth: Frame, slot: Int[Array, " i"]) -> Values:
    """Return the measures of `TRUE` but `found` for slots whose objects have these true poses.

    Shares are pairs of truth and estimate. NaN for the angle of an object without a longer axis.
    """
    fields, attended = model.symmetry.fields, attended_frames(model, out.attention)
    used = {name: getattr(out.frames, name) for name in fields}
    seen, attended = jax.tree.map(
        lambda x: x[slot], (dataclasses.replace(attended, **used), attended)
    )
    if fields == ("position", "scale"):
        scales = upright_scale(truth), seen.scale
    else:
        scales = sorted_scale(truth), sorted_scale(seen)
    has_axis = "rotation" in fields  # scale and rotation of one estimate
    angles = longer_axis(truth), longer_axis(seen if has_axis else attended)
    is_long = is_elongated(truth)
    pixels = pixels_per_unit(*model.config.image_size)
    return {
        "position_error": jnp.linalg.norm((seen.position - truth.position) * pixels, axis=1),
        "scale_error": 100 * jnp.abs(scales[1] / scales[0] - 1).mean(axis=1),
        "angle_error": counted(is_long, axis_error(*angles)),
        "position_share": jnp.stack([truth.position, seen.position], axis=1),
        "scale_share": jnp.log(jnp.stack(scales, axis=1)),
        "angle_share": counted(is_long, axis_vector(jnp.stack(angles, axis=1))),
    }


def attended_frames(model: ISA, attention: Float[Array, "k n"]) -> Frame:
    """Return the frames that ISA-TSR would estimate from the attention of any variant."""
    weights = attention / attention.sum(axis=1, keepdims=True)
    grid = model.encoder.grid(*model.config.feature_size, attention.dtype)
    return SYMMETRIES["isa-tsr"]().estimate(weights, grid)


def lacking(model: ISA) -> set[str]:
    """Return the measures of `TRUE` that are of the attention, as the model's frames lack them."""
    fields = [field for field in OF_FIELD if field not in model.symmetry.fields]
    return {measure for field in fields for measure in OF_FIELD[field]}


def counted(counts: Bool[Array, " i"], values: Float[Array, "i *c"]) -> Float[Array, "i *c"]:
    """Return the values that count, NaN for the others."""
    return jnp.where(counts.reshape(-1, *[1] * (values.ndim - 1)), values, jnp.nan)
