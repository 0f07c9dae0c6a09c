"""The configuration of a run: all that its weights depend on, in one frozen dataclass."""

import dataclasses
import math
from typing import Any

from isa_eqx import ISAConfig


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """A recipe. Two runs of the same recipe give the same weights, on the same kind of device.

    Every field is an option of `training.run`.

    Attributes:
        dataset: The scenes: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or
            waymo_open; or images, your own.
        preset: The recipe that the other fields change: paper (as published), paper-resnet (its
            second encoder, for CLEVRTex), quick (a small model, for a CPU) or auto (quick where
            there is no GPU or TPU, else paper; and on images of your own with the backbone
            facebook/dinov2-small, if it is there). python -m training.presets prints them all.
        model: The architecture.
        subset: A part of the dataset with splits of its own: clevr6 of clevr (at most six objects);
            camo, pbg or outd of clevrtex; '' for the whole.
        data: Where the scenes are: procedural, drawn by this library; or a mirror that python -m
            hub.mirror has made, which is streamed: a folder, user/name or user/name@revision.
        cache: Whether the training images of a mirror are decoded once and kept in memory.
        init: The model whose weights the run starts with, a folder or user/name or
            user/name@revision; None for random ones. The optimiser is new. Models of --seeds then
            differ in their random frames and in the pixels of the loss alone.
        init_partial: The parts of the model that start with random weights all the same, such as
            decoder or initial_slots: names of arrays, or what they begin with.
        init_sha256: Of the weights of init: the run starts with no others. It is filled in where it
            is not given.
        seed: Of weights, order of images and initial frames; the scenes stay the same.
        data_seed: Of the order of images alone, where it is not to follow `seed`.
        steps: Updates of the weights. The preset's warm-up keeps its share of them.
        batch_size: Images in each step.
        accumulate: Parts of a batch that are computed one after another, for large batches on small
            devices; the result is the same.
        train_examples: Images in the training set, which are the first ones of the dataset.
        learning_rate: Of Adam: it rises linearly to this value, then falls to zero as a cosine.
        warmup_steps: Steps in which the learning rate rises.
        clip_norm: Largest global norm of the gradient.
        loss_pixels: Pixels of each image that the loss is estimated from in a step, without bias
            (training/objective/sampling.py); None for all.
        gradient_scale: Factor of the gradient from one round of attention to the round before
            (isa_eqx/attention.py); 1 as published.
        recompute: Whether the decoder keeps the activations of one slot at a time and computes them
            again in the backward pass: a tenth of the memory, for a third more work.
        mixing: Weight per pixel of the term against colours mixed from several slots
            (training/objective/terms.py); 0 as published.
        shading: Weight per pixel of the term against slots of several colours
            (training/objective/terms.py); 0 as published.
        ownership: Weight per pixel of the term that gives the background to one slot
            (training/objective/terms.py); 0 as published.
    """

    dataset: str
    preset: str
    model: ISAConfig
    subset: str = ""
    data: str = "procedural"
    cache: bool = False
    init: str | None = None
    init_partial: tuple[str, ...] = ()
    init_sha256: str | None = None
    seed: int = 0
    data_seed: int | None = None
    steps: int = 20_000
    batch_size: int = 64
    accumulate: int = 1
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
        for name in ("steps", "batch_size", "accumulate", "train_examples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("seed", "warmup_steps", "mixing", "shading", "ownership"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}.")
        if self.seed >= 2**32:
            raise ValueError(f"seed must be below 2**32, got {self.seed}.")
        if self.data_seed is not None and self.data_seed < 0:
            raise ValueError(f"data_seed must be at least 0, got {self.data_seed}.")
        for name in ("init_partial", "init_sha256"):
            if self.init is None and getattr(self, name):
                raise ValueError(f"{name} is for a run with init; add that, or leave it out.")
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}.")
        if self.batch_size > self.train_examples:
            raise ValueError(
                f"batch_size must be at most train_examples, got {self.batch_size} "
                f"of {self.train_examples}; take a smaller one."
            )
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate must divide batch_size, got {self.accumulate} of {self.batch_size}."
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
