"""What training.evaluate is asked for: models, scenes, and how they are scored."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from isa_eqx import check_choice

from ..data import DATASETS, PROCEDURAL, Scenes, dataset, default_source, load, short_name
from .scoring import Masks

PUBLISHED_IMAGES = 64  # of its validation images, the published code scores one batch


@dataclass(frozen=True)
class Evaluation:
    """Score models on labelled scenes, with 95 % intervals by a bootstrap over images.

    Attributes:
        models: Folders or repos of the Hugging Face Hub. Of a folder of several seeds, each is
            scored.
        dataset: Such as tetrominoes.
        data: procedural, the folder of a mirror, or user/name. Default: that of the dataset.
        split: Such as test, or clevr6_validation.
        images: How many, from the first on. Default: all, and 1000 of procedural scenes.
        masks: Those of the decoder, or the attention of the last round; auto takes the better ones,
            which are the attention's where slots with frames explain features.
        resolution: Height, in pixels, of what models of features see (448), for finer masks: their
            slots stay the same. Default: that of their training.
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
    masks: Masks = "auto"
    resolution: int | None = None
    background: str | None = None
    seeds_of_frames: int = 1
    protocol: Literal["ours", "published"] = "ours"
    poses: bool = False
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None

    def checked(self) -> "Evaluation":
        """Return these options as their protocol has them.

        Raises a `ValueError` for options that cannot be, or not together.
        """
        check_choice("dataset", self.dataset, tuple(DATASETS))
        if not self.models:
            raise ValueError("name at least one model, a folder or a repo of the Hub.")
        if self.protocol == "published":
            for name in ("split", "images", "masks", "resolution", "background", "seeds_of_frames"):
                if getattr(self, name) != getattr(Evaluation, name):
                    option = name.replace("_", "-")
                    raise ValueError(f"--protocol published says what --{option} is; leave it out.")
        if self.poses and (self.data or default_source(self.dataset)) != PROCEDURAL:
            raise ValueError(
                "--poses needs true poses, which only scenes that are drawn here have: leave out "
                "--poses or --data."
            )
        if self.seeds_of_frames < 1:
            raise ValueError(f"--seeds-of-frames must be at least 1, got {self.seeds_of_frames}.")
        if not all(word.isdecimal() for word in (self.background or "0").split(",")):
            raise ValueError(f"--background must be labels such as 0,1, got {self.background!r}.")
        labels = dataset(self.dataset).num_labels
        if any(int(word) >= labels for word in (self.background or "0").split(",")):
            raise ValueError(
                f"--background must be labels below {labels}, got {self.background!r}."
            )
        if self.out is not None and self.out.exists() and not self.out.is_dir():
            raise ValueError(f"{self.out} is no folder; name another one with --out.")
        if self.out is not None and (self.out / "scores.json").exists():
            raise ValueError(f"{self.out} has scores already; name another folder with --out.")
        return self if self.protocol == "ours" else replace(self, images=PUBLISHED_IMAGES)

    def load_scenes(self, size: tuple[int, int]) -> Scenes:
        """Return the scenes to score, in the size of a model's images."""
        return load(self.dataset, self.split, self.images, data=self.data, size=size)

    def describe(self, images: int, usual: Collection[str]) -> str:
        """Return a sentence that says what was scored.

        - `usual`: `ISAConfig.masks_of` of the models, whose masks `auto` takes.
        """
        data = short_name(self.data or default_source(self.dataset))
        parts = [f"{self.dataset} ({data})", self.split, f"{images:,} images"]
        whose = sorted({*usual} if self.masks == "auto" else {self.masks})
        if whose != ["decoder"]:
            parts.append(f"masks of the {' or the '.join(whose)}")
        if self.resolution is not None:
            parts.append(f"{self.resolution} pixels high")
        if self.background is not None:
            parts.append(f"background {self.background or 'none'}")
        if self.seeds_of_frames > 1:
            parts.append(f"{self.seeds_of_frames} seeds of initial frames")
        return f"{', '.join(parts)}. In brackets: 95 % intervals over images."
