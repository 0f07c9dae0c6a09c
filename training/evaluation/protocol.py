"""What training.evaluate is asked for: models, scenes, and how they are scored."""

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from isa_eqx import check_choice

from ..data import DATASETS, PROCEDURAL, Scenes, dataset, default_source, load, short_name
from .scoring import Masks

PUBLISHED_IMAGES = 64  # of its validation images, the published code scores one batch


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Score models on labelled scenes, with 95 % intervals by a bootstrap over images.

    Attributes:
        models: Folders or repos of the Hugging Face Hub. Of a folder of several seeds, each is
            scored.
        dataset: Such as tetrominoes.
        data: procedural, the folder of a mirror, or user/name. Default: that of the dataset.
        split: Such as test, or clevr6_validation.
        images: How many, from the first on. Default: all, and 1000 of procedural scenes.
        masks: Those of the decoder, or the attention of the last round.
        background: Labels that FG-ARI, mIoU and mBO leave out, such as 0,1,2,3. Default: the
            dataset's.
        seeds_of_frames: How often each image is scored, each time with other initial frames.
        protocol: published scores what the published code does, the first 64 validation images.
        poses: Also compare frames with the true poses of procedural scenes, and objects with the
            frames that they are decoded in.
        out: Folder for scores.json, scores.md and a picture of each model's hardest and easiest
            images. Default: nothing is written.
    """

    models: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="MODEL…")]
    dataset: str
    data: str | None = None
    split: str = "validation"
    images: int | None = None
    masks: Masks = "decoder"
    background: str | None = None
    seeds_of_frames: int = 1
    protocol: Literal["ours", "published"] = "ours"
    poses: bool = False
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None


def check(options: Evaluation) -> None:
    """Raise a `ValueError` for options that cannot be, or not together."""
    check_choice("dataset", options.dataset, tuple(DATASETS))
    if not options.models:
        raise ValueError("name at least one model, a folder or a repo of the Hub.")
    if options.protocol == "published":
        for name in ("split", "images", "masks", "background", "seeds_of_frames"):
            if getattr(options, name) != getattr(Evaluation, name):
                option = name.replace("_", "-")
                raise ValueError(f"--protocol published says what --{option} is; leave it out.")
    if options.poses and (options.data or default_source(options.dataset)) != PROCEDURAL:
        raise ValueError(
            "--poses needs true poses, which only scenes that are drawn here have: leave out "
            "--poses or --data."
        )
    if options.seeds_of_frames < 1:
        raise ValueError(f"--seeds-of-frames must be at least 1, got {options.seeds_of_frames}.")
    if not all(word.isdecimal() for word in (options.background or "0").split(",")):
        raise ValueError(f"--background must be labels such as 0,1, got {options.background!r}.")
    labels = dataset(options.dataset).num_labels
    if any(int(word) >= labels for word in (options.background or "0").split(",")):
        raise ValueError(f"--background must be labels below {labels}, got {options.background!r}.")
    if options.out is not None and options.out.exists() and not options.out.is_dir():
        raise ValueError(f"{options.out} is no folder; name another one with --out.")
    if options.out is not None and (options.out / "scores.json").exists():
        raise ValueError(f"{options.out} has scores already; name another folder with --out.")


def load_scenes(options: Evaluation, size: tuple[int, int]) -> Scenes:
    name, split = options.dataset, options.split
    return load(name, split, options.images, data=options.data, size=size)


def describe(options: Evaluation, images: int) -> str:
    """Return a sentence that says what was scored."""
    data = short_name(options.data or default_source(options.dataset))
    parts = [f"{options.dataset} ({data})", options.split, f"{images:,} images"]
    if options.masks == "attention":
        parts.append("masks from attention")
    if options.background is not None:
        parts.append(f"background {options.background or 'none'}")
    if options.seeds_of_frames > 1:
        parts.append(f"{options.seeds_of_frames} seeds of initial frames")
    return f"{', '.join(parts)}. In brackets: 95 % intervals over images."
