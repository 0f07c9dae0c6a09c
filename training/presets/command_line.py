"""A recipe as the command line of `training.run`: what a card, a log and an error tell to type."""

import dataclasses
import shlex
from typing import Any

from isa_eqx import ISAConfig

from ..config import TrainConfig
from .recipes import preset


def command(config: TrainConfig) -> str:
    """Return the command that repeats a run, on any device."""
    variant, seed = config.model.variant, config.seed
    named: dict[str, Any] = dict(backbone=config.model.backbone, seed=seed)
    usual = preset(config.dataset, variant, config.preset, **named)
    words = ["python", "-m", "training.run", "--dataset", config.dataset]
    if config.model.backbone:
        words += ["--backbone", config.model.backbone]
    words += ["--variant", variant, "--preset", config.preset, "--seed", str(seed)]
    if config.steps != usual.steps:  # which the warm-up follows
        words += ["--steps", str(config.steps)]
        usual = preset(config.dataset, variant, config.preset, steps=config.steps, **named)
    return shlex.join(words + options(config, usual))


def options(config: TrainConfig, usual: TrainConfig) -> list[str]:
    """Return the words of the command line that turn a recipe, `usual`, into another."""
    return changes(config, usual) + changes(config.model, usual.model)


def changes(ours: TrainConfig | ISAConfig, theirs: TrainConfig | ISAConfig) -> list[str]:
    """Return the words that turn their fields into ours, but for an architecture among them."""
    words: list[str] = []
    for field in dataclasses.fields(ours):
        value = getattr(ours, field.name)
        if field.name != "model" and value != getattr(theirs, field.name):
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{field.name.replace('_', '-')}", *map(str, values)]
    return words
