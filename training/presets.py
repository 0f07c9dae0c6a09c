"""The recipes, by name: one table."""

import dataclasses
from typing import Any

import jax

from isa_eqx import VARIANTS, ISAConfig, one_of

from .config import TrainConfig
from .data import dataset as find_dataset

PRESETS = ("auto", "paper", "quick")

# What a preset changes in the defaults of the two configs, which are the published Tetrominoes.
_MODEL: dict[tuple[str, str], dict[str, Any]] = {
    # python -m training.run --dataset tetrominoes --preset paper
    ("tetrominoes", "paper"): {},
    # python -m training.run --dataset tetrominoes --preset quick
    ("tetrominoes", "quick"): dict(
        hidden_size=64,
        encoder_channels=(32, 32, 32),
        encoder_strides=(4, 1, 1),
        decoder_channels=(64, 64, 64, 64),
    ),
}
_TRAINING: dict[tuple[str, str], dict[str, Any]] = {
    ("tetrominoes", "paper"): {},
    ("tetrominoes", "quick"): dict(
        steps=19_000,
        batch_size=16,
        train_examples=32_768,
        learning_rate=1e-3,
        warmup_steps=500,
        loss_pixels=100,
        ownership=0.003,
    ),
}


def preset(
    dataset: str,
    variant: str = "isa-t",
    name: str = "paper",
    *,
    seed: int = 0,
    steps: int | None = None,
    batch_size: int | None = None,
    train_examples: int | None = None,
) -> TrainConfig:
    """The recipe of a dataset and variant, `auto` being `paper` on a GPU or TPU, else `quick`.

    Other steps than the preset's keep the shape of its schedule: the warm-up shrinks along.
    Raises a `ValueError` with the valid names for an unknown one.
    """
    find_dataset(dataset)
    one_of("variant", variant, VARIANTS)
    one_of("preset", name, PRESETS)
    if name == "auto":
        name = "quick" if jax.default_backend() == "cpu" else "paper"
    config = TrainConfig(
        dataset=dataset,
        preset=name,
        seed=seed,
        model=ISAConfig(variant=variant, **_MODEL[dataset, name]),
        **_TRAINING[dataset, name],
    )
    given = dict(steps=steps, batch_size=batch_size, train_examples=train_examples)
    changes: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
    if steps is not None:
        changes["warmup_steps"] = round(config.warmup_steps * steps / config.steps)
    return dataclasses.replace(config, **changes)
