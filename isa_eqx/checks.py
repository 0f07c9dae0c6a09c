"""Errors that say what was wanted of an image and of frames, and what came.

Values are checked only outside of `jax.jit`, where they are known.
"""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, DTypeLike, Shaped

from .backbones import ViT
from .config import ISAConfig
from .frames import Frame


def check_image(image: Shaped[Array, "..."], size: tuple[int, int], dtype: DTypeLike) -> None:
    """Raise a `ValueError` unless the image has the size, the dtype, and values in [0, 1]."""
    wanted = f"an image must be float, of shape {(*size, 3)}, in [0, 1]"
    if image.shape != (*size, 3):
        hint = "; a batch is a jax.vmap of the model" if image.ndim == 4 else ""
        raise ValueError(f"{wanted}; got shape {image.shape}{hint}.")
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise ValueError(f"{wanted}; got dtype {image.dtype}: divide 8-bit values by 255.")
    if image.dtype != dtype:
        raise ValueError(f"{wanted}, as precise as the weights, {dtype}; got {image.dtype}.")
    if not isinstance(image, Tracer):
        # On the host: within jax.jit, not even a known array's minimum is known.
        values = np.asarray(image)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"{wanted}; got values from {low:g} to {high:g}.")


def check_target(target: Shaped[Array, "..."], config: ISAConfig) -> None:
    """Raise a `ValueError` unless this has the shape of what slots explain."""
    wanted = (*config.target_size, config.target_channels)
    if target.shape != wanted:
        raise ValueError(
            f"what slots explain, see `target`, has shape {wanted}; got {target.shape}."
        )


def check_backbone(backbone: ViT | None, config: ISAConfig) -> ViT:
    """Return a backbone. Raises a `ValueError` unless it is of the kind that the config names."""
    if backbone is None:
        raise ValueError(
            f"the backbone of this model, {config.backbone}, is not there: add it by "
            f"model.with_backbone(isa_eqx.backbones.load({config.backbone!r}))."
        )
    wanted = config.backbone_size, config.patch_size
    got = backbone.config.size, backbone.config.patch_size
    if got != wanted:
        raise ValueError(
            f"the backbone of this model, {config.backbone}, has vectors of {wanted[0]} and "
            f"patches of {wanted[1]}; got one of {got[0]} and {got[1]}."
        )
    return backbone


def check_slots(slots: Shaped[Array, "..."], num_slots: int, size: int) -> None:
    """Raise a `ValueError` unless the initial slots are those that the configuration has."""
    if slots.shape != (num_slots, size):
        raise ValueError(
            f"initial_slots are {slots.shape}, but config has num_slots={num_slots} and "
            f"slot_size={size}: make a model of another config by ISA(dataclasses.replace(config, "
            "num_slots=…), key=…), and fill it with these arrays by hub.fill_tree."
        )


def check_frames(frames: Frame, num_slots: int) -> None:
    """Raise a `ValueError` unless there is a frame for each slot, with a scale above 0."""
    got = len(frames.position)
    if got != num_slots:
        raise ValueError(f"wanted frames for {num_slots} slots, got {got}.")
    if not isinstance(frames.scale, Tracer):
        smallest = float(np.asarray(frames.scale).min())
        if not smallest > 0:
            raise ValueError(f"scales of frames must be above 0, got {smallest:g}.")
