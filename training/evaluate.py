"""Score models: `python -m training.evaluate FOLDER --dataset tetrominoes`."""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from jaxtyping import Float

import hub
from hub.common.errors import exit_with_message
from hub.common.terminal import resilient_output
from isa_eqx import ISA

from .data import Scenes
from .distributed import all_devices, replicate, use_all_cores
from .evaluation import (
    METRICS,
    Column,
    Evaluation,
    format_table,
    measure_poses,
    pose_tables,
    score,
    summarise,
)
from .runs import commit_hash, device_name, draw_samples, expand_seeds


def main(words: Sequence[str] | None = None) -> None:
    """Print a table with a row for each model; with `--out`, write it, JSON and pictures."""
    with exit_with_message(ValueError, OSError):
        options = tyro.cli(Evaluation, args=words, prog="python -m training.evaluate").checked()
        use_all_cores()
        models = {name: load_model(name, options) for name in expand_seeds(options.models)}
        sizes = dict.fromkeys(model.config.image_size for model in models.values())
        scenes = {size: options.load_scenes(size) for size in sizes}
        scores, poses = {}, {}
        for name, model in models.items():
            print(f"Scoring {name}", file=sys.stderr)
            here = scenes[model.config.image_size]
            scores[name] = score_model(model, here, options)
            if options.poses:
                poses[name] = measure_poses(model, here, options.dataset)
        record = summarise(scores)
        known = next(iter(scores.values()))
        scored = {key: Column(title) for key, title in METRICS.items() if key in known}
        count = len(next(iter(scenes.values())))
        usual = {model.config.masks_of for model in models.values()}
        table = f"{options.describe(count, usual)}\n\n{format_table(record, scored)}"
        if options.poses:
            record["poses"] = summarise(poses)
            table += f"\n{pose_tables(record['poses'], models)}"
        print(f"\n{table}", end="")
        if options.out is None:
            return
        chosen = dataclasses.asdict(options) | {"models": list(models), "out": str(options.out)}
        record = {"options": chosen, "commit": commit_hash(), "device": device_name()} | record
        write(options.out, "scores.md", table)
        for place, (name, model) in enumerate(models.items()):
            path = options.out / f"{place}-{Path(name).name}.png"
            of_size = scenes[model.config.image_size]
            draw_extremes(model, of_size, scores[name], path, f"{name}: {pictured(model, options)}")
        # JSON has no NaN.
        plain = json.loads(json.dumps(record), parse_constant=lambda _: None)
        write(options.out, "scores.json", json.dumps(plain, indent=2) + "\n")
        print(f"In {options.out}: {', '.join(sorted(f.name for f in options.out.iterdir()))}")


def load_model(name: str, options: Evaluation) -> ISA:
    """Return a model at the resolution that is asked for."""
    model = ISA.from_pretrained(name)
    return model if options.resolution is None else model.at_resolution(options.resolution)


def score_model(model: ISA, scenes: Scenes, options: Evaluation) -> dict[str, Float[Any, " n"]]:
    """Return the scores of each image, their means over the seeds of frames."""
    words = options.background
    background = None if words is None else tuple(map(int, filter(None, words.split(","))))
    mesh, name, masks = all_devices(), options.dataset, options.masks
    model = replicate(model, mesh)
    each = [
        score(model, scenes, name, mesh, masks=masks, background=background, seed=seed)
        for seed in range(options.seeds_of_frames)
    ]
    return {name: np.mean([one.scores[name] for one in each], axis=0) for name in each[0].scores}


def draw_extremes(
    model: ISA,
    scenes: Scenes,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    path: Path,
    title: str,
) -> None:
    """Draw the three images with the lowest FG-ARI, then the three with the highest.

    Where nothing has labels, those with the highest MSE, then the lowest.
    """
    metric = "fg_ari" if "fg_ari" in scores else "mse"
    values = scores[metric]
    order = np.argsort(values if metric == "fg_ari" else -values, kind="stable")
    chosen = np.concatenate([order[:3], order[3:][-3:]])
    notes = [f"image {row}\n{METRICS[metric]} {values[row]:.2g}" for row in chosen]
    draw_samples(model, scenes, path, title, chosen, notes)


def pictured(model: ISA, options: Evaluation) -> str:
    """Return what a picture shows, which may not be all that was scored."""
    usual = model.config.masks_of
    as_scored = options.masks in ("auto", usual) and options.seeds_of_frames == 1
    drawn = "" if as_scored else f" (drawn: the {usual}'s masks, from the first initial frames)"
    return f"hardest and easiest images{drawn}"


def write(folder: Path, name: str, text: str) -> None:
    with hub.atomic_file(folder / name) as temporary:
        temporary.write_text(text, "utf-8", "backslashreplace")


if __name__ == "__main__":
    with resilient_output():
        main()
