"""What a run is: everything that its weights depend on, in one frozen dataclass."""

import dataclasses
from typing import Any

from isa_eqx import ISAConfig


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A recipe. Two runs of the same recipe give the same weights, on the same kind of device.

    - `dataset`, `preset`: names, for the record.
    - `data`: where the scenes are: `procedural`, a folder, or `user/name@commit`.
    - `cache`: whether the training set of a mirror is decoded once and held in memory.
    - `model`: the architecture.
    - `seed`: of weights, order of images and initial frames.
    - `steps`, `batch_size`: updates, and images in each.
    - `train_examples`: images in the training set, the first ones of a mirror, or all it has.
    - `learning_rate`, `warmup_steps`: Adam's peak, reached linearly, then a cosine to zero.
    - `clip_norm`: the gradient's largest global norm.
    - `loss_pixels`: pixels of each image that the loss looks at in a step, drawn by their
      importance and weighted so that its mean is the loss over all, see `training.sampling`;
      `None` for all.
    - `gradient_scale`: the share of its gradient that a round of attention hands back to the one
      before, see `isa_eqx.attention`; 1 as published.
    - `recompute`: whether the decoder holds the layers of one slot at a time, and computes them
      once more in the backward pass; see `ISA.decode`.
    - `mixing`: weight per pixel of a term of ours against colours mixed from several slots, see
      `training.loss.mixing`; 0 as published.
    - `ownership`: weight per pixel of a term of ours that gives the background to one slot, see
      `training.loss.ownership`; 0 as published.
    """

    dataset: str
    preset: str
    model: ISAConfig
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
    ownership: float = 0.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "train_examples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}.")
        if self.batch_size > self.train_examples:
            raise ValueError(
                f"batch_size must be at most train_examples, got {self.batch_size} "
                f"of {self.train_examples}."
            )
        if not 0 <= self.gradient_scale <= 1:
            raise ValueError(f"gradient_scale must be from 0 to 1, got {self.gradient_scale}.")
        if self.loss_pixels is not None and self.model.decoder_strides:
            raise ValueError(
                "loss_pixels must be None for a convolutional decoder, which paints whole images."
            )
        if self.loss_pixels is not None and self.recompute:
            raise ValueError("recompute must be False with loss_pixels: it is for whole images.")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return {**dataclasses.asdict(self), "model": self.model.to_dict()}
