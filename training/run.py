"""Train a model: `python -m training.run --dataset tetrominoes`."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import equinox as eqx

import hub

from . import checkpoint
from .arguments import Arguments, parse
from .card import title
from .config import TrainConfig
from .data import describe_data, load, repo_of, resolve, split_name, stream_batches
from .devices import make_mesh, replicate
from .hosts import is_main, on_main, tell
from .log import Log, NonFiniteError
from .loop import train
from .report import ensure_repo, report, share
from .saving import Saver
from .step import TrainState, initial_state
from .trackers import Tracker, library_of, make_tracker


def main(arguments: Arguments) -> None:
    """Prepare, train, report. A user's mistake ends the program with one sentence."""
    output = arguments.output
    with exit_with_message(ValueError, OSError):
        # Before a folder is created that nothing would fill.
        mesh = make_mesh(arguments.recipe)
        if output.tracker is not None and is_main():
            library_of(output.tracker)
        config, run, resumed = plan(arguments)
        if is_main():
            print(f"{title(config)}: {describe_data(config.dataset, config.data)}", flush=True)
        state, seconds = first_state(config, run, resumed, output.push_to_hub)
    with exit_with_message(NonFiniteError, ValueError, OSError):
        validation = load(
            config.dataset,
            split_name(config.subset, "validation"),
            data=config.data,
            size=config.model.image_size,
        )
        step, state = int(state.step), replicate(state, mesh)
        trackers: list[Tracker] = []
        if output.tracker is not None and is_main():
            trackers.append(make_tracker(output.tracker, run, config.to_dict(), step))
        log, saver = Log(run / "metrics.jsonl", step, seconds, trackers), Saver(run, config)
        with contextlib.closing(stream_batches(config, step)) as training_set:
            state = train(
                config, state, mesh, training_set, validation, log, saver, output.eval_every
            )
        report(config, run, state.model, mesh, log, validation, resumed)
        for tracker in trackers:
            tracker.finish()
    if output.push_to_hub and is_main():
        share(run, output.push_to_hub)


def plan(arguments: Arguments) -> tuple[TrainConfig, Path, bool]:
    """Return what `prepare` of host 0 returns, on every host."""

    def planned() -> str:
        config, run, resumed = prepare(arguments)
        return json.dumps([str(run), resumed, config.data, config.train_examples])

    run, resumed, data, train_examples = json.loads(on_main(planned))
    found = dict(data=data, train_examples=train_examples)
    return dataclasses.replace(arguments.recipe, **found), Path(run), resumed


def prepare(arguments: Arguments) -> tuple[TrainConfig, Path, bool]:
    """Return the recipe, the folder of the run, and whether the run in it is continued.

    For a new run, the folder and the repo to push to are created here. Raises a `ValueError` or an
    `OSError` if the arguments are invalid or one of them cannot be created.
    """
    config, output = arguments.recipe, arguments.output
    if output.eval_every < 1:
        raise ValueError(f"--eval-every must be at least 1 step, got {output.eval_every}.")
    variant = config.model.variant
    if config.preset == "quick":
        print(
            "The preset quick is a small model on a large training set, for a CPU.\n"
            "The published recipe, days on a CPU:  python -m training.run "
            f"--dataset {config.dataset} --variant {variant} --preset paper"
        )
    names = filter(None, (config.dataset, config.subset, variant, f"seed{config.seed}"))
    run = output.out or Path("runs") / "-".join(names)
    resumed = output.resume == "yes"
    if output.resume == "auto":
        resumed = bool(checkpoint.list_checkpoints(run))
    config = resolve(dataclasses.replace(config, data=resolve_data(run, config, resumed)))
    if not resumed:
        begin(run, config, output.push_to_hub, again=output.resume == "auto")
    return config, run, resumed


def begin(run: Path, config: TrainConfig, repo: str | None, again: bool) -> None:
    """Create the folder of a run, its recipe, and the repo to push to.

    - `again`: whether the folder may be that of a run that ended before its first checkpoint.
    """
    early = {"train.json", "checkpoints"} if again else set()
    if run.exists() and (not run.is_dir() or {file.name for file in run.iterdir()} - early):
        raise ValueError(
            f"{run} is not empty; continue the run in it with --resume, or name another folder "
            "with --out."
        )
    try:
        with hub.atomic_file(run / "train.json") as temporary:
            temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
            ensure_repo(repo)
    except ConnectionError:
        raise
    except OSError as error:
        raise ValueError(
            f"cannot write to {run} ({error.strerror}); name another folder with --out."
        ) from error


def resolve_data(run: Path, config: TrainConfig, resumed: bool) -> str:
    """Return the source of the scenes.

    A resumed run keeps the commit that it began with, unless another one is named, and the
    spelling of its folder.
    """
    try:
        began = json.loads((run / "train.json").read_text())["data"] if resumed else ""
    except (OSError, ValueError, KeyError, TypeError):
        began = ""  # what is wrong there, the checkpoint's reader says better
    if repo_of(began) == config.data.partition("@")[0] and not repo_of(config.data):
        return began
    if all(map(os.path.isdir, (began, config.data))) and os.path.samefile(began, config.data):
        return began
    return config.data


def first_state(
    config: TrainConfig, run: Path, resumed: bool, repo: str | None
) -> tuple[TrainState, float]:
    """Return the state that the run starts with, and the seconds it has taken, on every host."""
    state = initial_state(config)

    def started() -> str:
        nonlocal state
        seconds = 0.0
        if resumed:
            state, seconds = checkpoint.restore(run, state, config)
            ensure_repo(repo)
        else:
            checkpoint.save(run, state, config, seconds)  # from here on it can be resumed
        return str(seconds)

    seconds = float(on_main(started))
    arrays, rest = eqx.partition(state, eqx.is_array)
    return eqx.combine(tell(arrays), rest), seconds


@contextlib.contextmanager
def exit_with_message(*kinds: type[Exception]) -> Iterator[None]:
    """End the program with the message of an error of these kinds, without a traceback."""
    try:
        yield
    except kinds as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(parse())
