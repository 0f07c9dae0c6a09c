"""The configuration of a run: all that its weights depend on, in one frozen dataclass."""

import dataclasses
import math
from typing import Any

from isa_eqx import ISAConfig


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A recipe. Two runs of the same recipe give the same weights, on the same kind of device.

    - `dataset`, `preset`: names, for the record.
    - `subset`: the part of the dataset that has splits of its own, see `training.data.split_name`;
      `""` for the whole.
    - `data`: source of the scenes: `procedural`, a folder, or `user/name@commit`.
    - `cache`: whether the training set of a mirror is decoded once and kept in memory.
    - `model`: the architecture.
    - `seed`: of weights, order of images and initial frames.
    - `steps`, `batch_size`: number of updates, and of images in each.
    - `train_examples`: number of images in the training set, the first ones of the dataset.
    - `learning_rate`, `warmup_steps`: Adam's learning rate rises linearly to `learning_rate` over
      `warmup_steps`, then falls to zero as a cosine.
    - `clip_norm`: largest global norm of the gradient.
    - `loss_pixels`: number of pixels of each image that the loss is estimated from in a step,
      without bias, see `training.sampling`; `None` for all.
    - `gradient_scale`: factor of the gradient from one round of attention to the round before, see
      `isa_eqx.attention`; 1 as published.
    - `recompute`: whether the decoder keeps the activations of one slot at a time and computes
      them again in the backward pass, see `ISA.decode`.
    - `mixing`: weight per pixel of the term against colours mixed from several slots, see
      `training.loss.mixing`; 0 as published.
    - `shading`: weight per pixel of the term against slots of several colours, see
      `training.loss.shading`; 0 as published.
    - `ownership`: weight per pixel of the term that gives the background to one slot, see
      `training.loss.ownership`; 0 as published.
    """

    dataset: str
    preset: str
    model: ISAConfig
    subset: str = ""
    data: str = "procedural"
    cache: bool = False
    seed: int = 0
    steps: int = 20_000
    batch_size: int = 64
    train_examples: int = 512
    learning_rate: float = 4e-4
    warmup_steps: int = 5_000
    clip_norm: float = 0.05
    loss_pixels: int | None = None
    gradient_scale: float = 1.0
    recompute: bool = False
    mixing: float = 0.0
    shading: float = 0.0
    ownership: float = 0.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "train_examples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("seed", "warmup_steps", "mixing", "shading", "ownership"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if self.batch_size > self.train_examples:
            raise ValueError(
                f"batch_size must be at most train_examples, got {self.batch_size} "
                f"of {self.train_examples}."
            )
        if not 0 <= self.gradient_scale <= 1:
            raise ValueError(f"gradient_scale must be from 0 to 1, got {self.gradient_scale}.")
        if self.loss_pixels is not None and self.loss_pixels < 1:
            raise ValueError(f"loss_pixels must be at least 1, got {self.loss_pixels}.")
        if self.loss_pixels is not None and self.model.decoder_strides:
            raise ValueError(
                "loss_pixels must be None for a convolutional decoder, which paints whole images."
            )
        if self.loss_pixels is not None and self.recompute:
            raise ValueError("recompute must be False with loss_pixels: it is for whole images.")

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {**dataclasses.asdict(self), "model": self.model.to_dict()}
