"""The recipes that are measured, those that are one and the same program named together."""

import dataclasses
from typing import Any

from training.config import TrainConfig
from training.data import DATASETS
from training.presets import PRESETS, preset

TRIED = "clevr", "paper"
_SMALL: dict[str, Any] = dict(
    image_size=(16, 16),
    num_slots=2,
    slot_size=8,
    num_rounds=1,
    hidden_size=8,
    encoder_channels=(8,),
    encoder_strides=(4,),
    encoder_blocks=(),
    decoder_channels=(8,),
)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe, and the datasets that have it: their steps are the same but for the images."""

    config: TrainConfig
    datasets: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{', '.join(self.datasets)}: {self.config.preset}, batch {self.config.batch_size}"


def recipes(*presets: str, trial: bool) -> list[Recipe]:
    """Return the recipes of all datasets but one's own, for `isa-t`, in the order of the presets.

    - `trial`: whether to take one alone, with a small model and batch, to try it on a CPU.
    """
    datasets: dict[TrainConfig, list[str]] = {}
    configs: dict[TrainConfig, TrainConfig] = {}
    for name in presets:
        for dataset in [d for d, known in PRESETS if known == name and not DATASETS[d].own]:
            if trial and (dataset, name) != TRIED:
                continue
            config = preset(dataset, name=name)
            config = shrink(config) if trial else config
            # The number of images and steps is no part of the program that takes a step.
            alike = dataclasses.replace(config, dataset="", train_examples=config.batch_size)
            configs.setdefault(alike, config)
            datasets.setdefault(alike, []).append(dataset)
    return [Recipe(configs[alike], tuple(names)) for alike, names in datasets.items()]


def shrink(config: TrainConfig) -> TrainConfig:
    """Return a recipe of the same kind whose programs compile and run in seconds on a CPU."""
    layers: dict[str, Any] = _SMALL
    if config.model.decoder_strides:
        layers = layers | dict(decoder_strides=(4,))
    model = dataclasses.replace(config.model, **layers)
    pixels = None if config.loss_pixels is None else 20
    return dataclasses.replace(config, model=model, batch_size=2, loss_pixels=pixels)


def in_bfloat16(config: TrainConfig) -> TrainConfig:
    """Return the recipe with layers that compute in bfloat16."""
    return dataclasses.replace(config, model=dataclasses.replace(config.model, dtype="bfloat16"))
