"""Linear probes: `python -m training.probe FOLDER` says what slots know, and what frames know."""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from hub.common.errors import exit_with_message
from hub.common.terminal import resilient_output
from isa_eqx import ISA, check_choice

from .data import DATASETS, Scenes, default_source, load, short_name, split_name
from .evaluation import (
    PROBES,
    Column,
    attributes,
    commonest,
    find_objects,
    format_table,
    probe,
    summarise,
)
from .runs import expand_seeds


@dataclasses.dataclass(frozen=True)
class Options:
    """Predict attributes of objects from the slots and frames of frozen models, linearly.

    Attributes:
        models: Folders or repos of the Hugging Face Hub. Of a folder of several seeds, each is
            probed.
        dataset: Such as tetrominoes.
        data: procedural, the folder of a mirror, or user/name. Default: that of the dataset.
        subset: Such as clevr6 of clevr.
        train_images: Training images that the linear models are fitted to, from the first on.
        images: Validation images that they are scored on, from the first on.
    """

    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL…")]
    dataset: str
    data: str | None = None
    subset: str = ""
    train_images: int = 4096
    images: int = 1000


def main(words: Sequence[str] | None = None) -> None:
    """Print a table with a row for each model."""
    with exit_with_message(ValueError, OSError):
        options = tyro.cli(Options, args=words, prog="python -m training.probe")
        check_choice("dataset", options.dataset, tuple(DATASETS))
        if not options.models:
            raise ValueError("name at least one model, a folder or a repo of the Hub.")
        for option, count in (("images", options.images), ("train-images", options.train_images)):
            if count < 1:
                raise ValueError(f"--{option} must be at least 1, got {count}.")
        models = {name: ISA.from_pretrained(name) for name in expand_seeds(options.models)}
        truth = {
            split: attributes(load_scenes(options, split), options.dataset)
            for split in ("train", "validation")
        }
        scores, usual = {}, {}
        for name, model in models.items():
            print(f"Probing {name}", file=sys.stderr)
            fitted, scored = (
                find_objects(model, load_scenes(options, split, model), options.dataset, known)
                for split, known in truth.items()
            )
            scores[name], usual = probe(fitted, scored), commonest(fitted, scored)
        columns, first = {"found": Column("objects found")}, next(iter(scores.values()))
        for what, source in PROBES:
            if f"{what} from {source}" in first:
                unit = "" if what in usual else ", R²"
                columns[f"{what} from {source}"] = Column(f"{what} from {source}{unit}")
        print(f"\n{describe(options)}\n\n{format_table(summarise(scores), columns)}", end="")
        if usual:
            said = " and ".join(f"{share:.3f} of {what}s" for what, share in usual.items())
            print(f"\nThe commonest class is that of {said}.")


def load_scenes(options: Options, split: str, model: ISA | None = None) -> Scenes:
    """Return scenes in the size of a model, or as published."""
    count = options.train_images if split == "train" else options.images
    size = None if model is None else model.config.image_size
    split = split_name(options.subset, split)
    return load(options.dataset, split, count, data=options.data, size=size)


def describe(options: Options) -> str:
    """Return a sentence that says what was measured."""
    name = "/".join(filter(None, (options.dataset, options.subset)))
    data = short_name(options.data or default_source(options.dataset))
    return (
        f"{name} ({data}): linear models fitted to the objects found in {options.train_images:,} "
        f"training images, scored on those found in {options.images:,} validation images. In "
        "brackets: 95 % intervals over images."
    )


if __name__ == "__main__":
    with resilient_output():
        main()
