"""Score models: `python -m training.evaluate FOLDER --dataset tetrominoes`."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from jaxtyping import Float

import hub
from isa_eqx import ISA, check_choice

from .data import DATASETS, Scenes, dataset, default_source, load, short_name
from .pictures import draw_samples
from .provenance import commit_hash, device_name
from .run import exit_with_message
from .scoring import Masks, score
from .table import format_table, summarise

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
    out: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None


def main(words: Sequence[str] | None = None) -> None:
    """Print a table with a row for each model; with `--out`, write it, JSON and pictures."""
    with exit_with_message(ValueError, OSError):
        options = tyro.cli(Evaluation, args=words, prog="python -m training.evaluate")
        check(options)
        if options.protocol == "published":
            options = dataclasses.replace(options, images=PUBLISHED_IMAGES)
        models = {name: ISA.from_pretrained(name) for name in expand(options.models)}
        sizes = dict.fromkeys(model.config.image_size for model in models.values())
        scenes = {size: load_scenes(options, size) for size in sizes}
        scores = {}
        for name, model in models.items():
            print(f"Scoring {name}", file=sys.stderr)
            scores[name] = score_model(model, scenes[model.config.image_size], options)
        record = summarise(scores)
        table = f"{describe(options, len(next(iter(scenes.values()))))}\n\n{format_table(record)}"
        print(f"\n{table}", end="")
        if options.out is None:
            return
        chosen = dataclasses.asdict(options) | {"models": list(models), "out": str(options.out)}
        record = {"options": chosen, "commit": commit_hash(), "device": device_name()} | record
        write(options.out, "scores.md", table)
        for place, (name, model) in enumerate(models.items()):
            path = options.out / f"{place}-{Path(name).name}.png"
            of_size, values = scenes[model.config.image_size], scores[name]["fg_ari"]
            draw_extremes(model, of_size, values, path, f"{name}: {pictured(options)}")
        # JSON has no NaN.
        plain = json.loads(json.dumps(record), parse_constant=lambda _: None)
        write(options.out, "scores.json", json.dumps(plain, indent=2) + "\n")
        print(f"In {options.out}: {', '.join(sorted(f.name for f in options.out.iterdir()))}")


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


def expand(names: Sequence[str]) -> list[str]:
    """Return the names of models, with those of its seeds in place of a folder of several."""
    found = []
    for name in names:
        seeds = (
            [] if (Path(name) / "config.json").exists() else Path(name).glob("seed*/config.json")
        )
        number = sorted(seeds, key=lambda file: (len(file.parent.name), file.parent.name))
        found += [str(file.parent) for file in number] or [name]
    return list(dict.fromkeys(found))


def load_scenes(options: Evaluation, size: tuple[int, int]) -> Scenes:
    name, split = options.dataset, options.split
    return load(name, split, options.images, data=options.data, size=size)


def score_model(model: ISA, scenes: Scenes, options: Evaluation) -> dict[str, Float[Any, " n"]]:
    """Return the scores of each image, their means over the seeds of frames."""
    words = options.background
    background = None if words is None else tuple(map(int, filter(None, words.split(","))))
    each = [
        score(model, scenes, options.dataset, masks=options.masks, background=background, seed=s)
        for s in range(options.seeds_of_frames)
    ]
    return {name: np.mean([one.scores[name] for one in each], axis=0) for name in each[0].scores}


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


def draw_extremes(
    model: ISA, scenes: Scenes, values: Float[np.ndarray, " n"], path: Path, title: str
) -> None:
    """Draw the three images with the lowest FG-ARI, then the three with the highest."""
    order = np.argsort(values, kind="stable")
    chosen = np.concatenate([order[:3], order[3:][-3:]])
    notes = [f"image {row}\nFG-ARI {values[row]:.2f}" for row in chosen]
    draw_samples(model, scenes, path, title, chosen, notes)


def pictured(options: Evaluation) -> str:
    """Return what a picture shows, which may not be all that was scored."""
    as_scored = options.masks == "decoder" and options.seeds_of_frames == 1
    drawn = "" if as_scored else " (drawn: the decoder's masks, from the first initial frames)"
    return f"hardest and easiest images{drawn}"


def write(folder: Path, name: str, text: str) -> None:
    with hub.atomic_file(folder / name) as temporary:
        temporary.write_text(text, "utf-8", "backslashreplace")


if __name__ == "__main__":
    main()
