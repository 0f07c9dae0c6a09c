"""How training goes: with scenes drawn meanwhile, with several seeds at once, and to its end."""

import contextlib
import dataclasses
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from training.config import TrainConfig
from training.data import Batch, Images, Resize, load, stream_batches
from training.data.drawing import CHUNK
from training.distributed import all_devices, count_cores
from training.ensemble import Ensemble, Models, Single
from training.evaluation import METRICS
from training.presets import preset
from training.runs import scores_of
from training.step import initial_state

from .. import parts
from .recipes import recipes, shrink
from .table import Budget, Measured, Row, Section

SEEDS = 8
OF_SEEDS = "tetrominoes", "clevr"  # whose seeds are trained at once
AT_ONCE = 5  # steps between looks at the clock, at each of which the device waits
SECONDS, TRIAL_SECONDS = 4.0, 0.3  # that steps are counted in
RUN_FOLDER = "tetrominoes"  # its log, model and scores
RUN = shlex.split("--dataset tetrominoes --preset quick --seed 0")
TRIAL_RUN = shlex.split(
    "--steps 20 --batch-size 2 --train-examples 16 --num-rounds 1 --slot-size 8 --hidden-size 8 "
    "--encoder-channels 8 --encoder-strides 5 --decoder-channels 8"
)


def drawing(trial: bool) -> Section:
    """Return how fast steps are with batches in memory, and with scenes drawn meanwhile."""
    seconds = TRIAL_SECONDS if trial else SECONDS

    def measure(dataset: str, config: TrainConfig) -> Measured:
        models = Single(initial_state(config), config, all_devices(1))
        size = config.model.image_size
        count = max(CHUNK, config.batch_size)  # so that drawing is compiled, for a whole chunk
        ready = load(dataset, "train", count, size=size).images[: config.batch_size]
        _ = steps_per_second(models, repeat(ready), 0)  # compiles
        yield "ready, steps/s", steps_per_second(models, repeat(ready), seconds)
        drawn = stream_batches(dataclasses.replace(config, dataset=dataset))
        with contextlib.closing(drawn):
            found = steps_per_second(models, drawn, seconds)
        yield "drawn meanwhile, steps/s", found
        yield "scenes/s", found * config.batch_size

    columns = "ready, steps/s", "drawn meanwhile, steps/s", "scenes/s"
    about = (
        f"Steps of training in {seconds} s, in float32: with a batch in the host's memory, and "
        f"in the first epoch, while the {count_cores()} cores of the host draw every scene."
    )
    rows = [
        Row(f"{dataset}: {recipe.config.preset}", partial(measure, dataset, recipe.config))
        for recipe in recipes("paper", trial=trial)
        for dataset in recipe.datasets
    ]
    return Section("Drawing", about, columns, rows)


def seeds(trial: bool) -> Section:
    """Return how fast several seeds are trained at once, against one."""

    def measure(config: TrainConfig) -> Measured:
        seconds, mesh, size = TRIAL_SECONDS if trial else SECONDS, all_devices(1), config.model
        noise = np.asarray(parts.images(config))
        images = repeat(Images(noise, Resize(size.image_size, size.image_size)))
        states = [initial_state(dataclasses.replace(config, seed=seed)) for seed in range(SEEDS)]
        rates = []
        for name, models in (
            ("one", Single(states[0], config, mesh)),
            (f"{SEEDS}", Ensemble(states, config, mesh)),
        ):
            _ = steps_per_second(models, images, 0)  # compiles
            rates.append(steps_per_second(models, images, seconds))
            yield f"{name}, steps/s", rates[-1]
        one, several = rates
        yield f"{SEEDS}, times the steps of one", SEEDS * several / one

    columns = "one, steps/s", f"{SEEDS}, steps/s", f"{SEEDS}, times the steps of one"
    about = f"One model, and {SEEDS} at once that see the same images (`--seeds {SEEDS}`)."
    names = OF_SEEDS[:1] if trial else OF_SEEDS
    configs = [preset(name, name="quick") for name in names]
    rows = [
        Row(f"{config.dataset}: quick", partial(measure, shrink(config) if trial else config))
        for config in configs
    ]
    return Section("Seeds", about, columns, rows)


def run(folder: Path, budget: Budget, trial: bool) -> Section:
    """Return the scores of a run of training, which leaves its folder in `folder`."""

    def measure() -> Measured:
        words = [*RUN, *(TRIAL_RUN if trial else ())]
        return run_to_its_end(folder / RUN_FOLDER, words, budget.left)

    columns = "minutes", "steps/s", *METRICS.values()
    about = (
        f"`python -m training.run {shlex.join(RUN)}` to its end, from the start of Python to its "
        "last picture; steps a second are the median of its log."
    )
    return Section("A run", about, columns, [Row("tetrominoes: quick", measure)])


def run_to_its_end(folder: Path, words: Sequence[str], seconds: float) -> Measured:
    """Train in a process of its own, and yield minutes, steps per second and scores.

    Its output goes beside `folder`. Raises a `RuntimeError` with the last line of it if the run
    fails, or a sentence on how far it came if it is not over after so many seconds, when it is
    killed.
    """
    command = [sys.executable, "-m", "training.run", *words, "--out", str(folder)]
    # Of the device's memory, this process holds most from its start, and leaves the rest.
    environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    output, start = folder.with_suffix(".txt"), time.monotonic()
    try:
        with output.open("w") as said:
            ended = subprocess.run(
                command, stdout=said, stderr=subprocess.STDOUT, env=environment, timeout=seconds
            )
    except subprocess.TimeoutExpired:
        steps = [record["step"] for record in log(folder)]
        raise RuntimeError(f"out of time, at step {max(steps, default=0):,}") from None
    if ended.returncode:
        raise RuntimeError((output.read_text().splitlines() or ["it said nothing"])[-1])
    yield "minutes", (time.monotonic() - start) / 60
    speeds = [record["steps_per_second"] for record in log(folder) if "steps_per_second" in record]
    yield "steps/s", statistics.median(speeds)
    scores = scores_of(folder) or {}
    for name, title in METRICS.items():
        yield title, scores[name]


def log(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a run's log so far, none if it has not begun one."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def steps_per_second(models: Models, batches: Iterator[Batch], seconds: float) -> float:
    """Take steps of training for so many seconds, at least a few; return how many a second."""
    start, steps, passed = time.perf_counter(), 0, 0.0
    while not steps or passed < seconds:
        measured = [models.step(next(batches)) for _ in range(AT_ONCE)]
        _ = float(measured[-1][0]["loss"])  # waits for it
        steps, passed = steps + AT_ONCE, time.perf_counter() - start
    return steps / passed
