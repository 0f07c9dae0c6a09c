"""Train a model: `python -m training.run --dataset tetrominoes`."""

import contextlib
import dataclasses
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
from jax.sharding import Mesh
from tqdm import tqdm

import hub
from hub.push import push
from isa_eqx import ISA

from . import checkpoint, pictures
from .arguments import Arguments, parse
from .card import METRICS, run_card, title
from .config import TrainConfig
from .data import (
    Batches,
    Cursor,
    Scenes,
    describe_data,
    load,
    repo_of,
    resolve,
    split_name,
    stream_batches,
)
from .devices import make_mesh, replicate, split
from .evaluate import evaluate
from .log import Log, NonFiniteError
from .signals import defer_signals
from .step import TrainState, initial_state, train_step

LOG_EVERY = 50  # steps
QUICK_LOOK = 200  # validation images scored while training; at the end, all of them


def main(arguments: Arguments) -> None:
    """Prepare, train, report. A user's mistake ends the program with one sentence."""
    with exit_with_message(ValueError, OSError):
        mesh = make_mesh(arguments.recipe)  # before a folder is created that it may not fill
        config, run = prepare(arguments)
        print(f"{title(config)}: {describe_data(config.dataset, config.data)}", flush=True)
        state, seconds, cursor = initial_state(config), 0.0, Cursor()
        if arguments.output.resume:
            state, seconds, cursor = checkpoint.restore(run, state, config)
            ensure_repo(arguments.output.push_to_hub)
        else:
            # From here on it can be resumed.
            checkpoint.save(run, state, config, seconds, cursor)
    with exit_with_message(NonFiniteError, ValueError, OSError):
        validation = load(
            config.dataset,
            split_name(config.subset, "validation"),
            data=config.data,
            size=config.model.image_size,
        )
        log = Log(run / "metrics.jsonl", int(state.step), seconds)
        with contextlib.closing(stream_batches(config, cursor)) as training_set:
            every, state = arguments.output.eval_every, replicate(state, mesh)
            state = train(config, run, state, log, training_set, validation, every, mesh)
        report(config, run, state.model, log, validation, arguments.output.resume)
    if arguments.output.push_to_hub:
        share(run, arguments.output.push_to_hub)


def prepare(arguments: Arguments) -> tuple[TrainConfig, Path]:
    """Return the recipe and the folder of the run.

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
    config = resolve(dataclasses.replace(config, data=resolve_data(run, config, output.resume)))
    if not output.resume and run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise ValueError(
            f"{run} is not empty; continue the run in it with --resume, or name another folder "
            "with --out."
        )
    if not output.resume:
        try:
            with hub.atomic_file(run / "train.json") as temporary:
                temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n")
                ensure_repo(output.push_to_hub)
        except ConnectionError:
            raise
        except OSError as error:
            raise ValueError(
                f"cannot write to {run} ({error.strerror}); name another folder with --out."
            ) from error
    return config, run


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


def train(
    config: TrainConfig,
    run: Path,
    state: TrainState,
    log: Log,
    training_set: Batches,
    validation: Scenes,
    eval_every: int,
    mesh: Mesh,
) -> TrainState:
    """Run the training loop: batch → step → log, evaluate, save. Returns the final state."""
    look, shown = validation[:QUICK_LOOK], {}
    cursor: Cursor | None = None
    first = int(state.step)
    with (
        defer_signals() as interrupted,
        tqdm(
            desc="compiling",
            total=config.steps,
            initial=first,
            unit="step",
            dynamic_ncols=True,
        ) as bar,
    ):
        for step in range(first + 1, config.steps + 1):
            try:
                images, cursor = next(training_set)
            except (ConnectionError, ValueError):
                if cursor is not None:
                    checkpoint.save(run, state, config, log.seconds, cursor)
                    bar.close()
                    print(f"Saved at step {step - 1}. Continue with:\n  {resume_command()}")
                raise
            state, measured = train_step(split(images, mesh), state, config)
            bar.set_description("training", refresh=False)
            log.add(measured)
            bar.update()
            due, stop = step % eval_every == 0 or step == config.steps, interrupted()
            if due or stop or step % LOG_EVERY == 0:
                shown["loss"] = f"{log.flush()['loss']:.1f}"  # raises if it is no number
                bar.set_postfix(shown)
            if due:
                scores = evaluate(state.model, look, config.dataset)
                log.write(step, {f"validation_{n}": v for n, v in scores.items()})
                shown["FG-ARI"] = f"{scores['fg_ari']:.3f}"
                bar.set_postfix(shown)
            if due or stop:
                checkpoint.save(run, state, config, log.seconds, cursor)
            if stop:
                bar.close()
                print(f"Stopped and saved at step {step}. Continue with:\n  {resume_command()}")
                sys.exit(128 + stop)
    return state


def report(
    config: TrainConfig, run: Path, model: ISA, log: Log, validation: Scenes, resumed: bool
) -> None:
    """Write what a run leaves: model, scores on all validation scenes, pictures and card."""
    seconds = log.seconds
    model.save_pretrained(run)
    scores = evaluate(model, validation, config.dataset)
    count = len(validation)
    log.write(config.steps, {f"final_{n}": v for n, v in scores.items()} | {"images": count})
    minutes = f"{config.steps} steps in {seconds / 60:.1f} min on {jax.devices()[0].device_kind}"
    print(f"\n{title(config)}, {minutes}; {count} validation images")
    for name, label in METRICS.items():
        print(f"  {label:7} {scores[name]:.4f}")
    try:
        pictures.draw_samples(model, validation, run / "samples.png", title(config))
        pictures.draw_curve(run / "metrics.jsonl", run / "curve.png", title(config))
    except ModuleNotFoundError as missing:
        print(f"No pictures: {missing.name} is not installed.")
    with hub.atomic_file(run / "README.md") as temporary:
        # What a folder is called may be no UTF-8; Python reads it all the same.
        temporary.write_text(run_card(run, config, resumed), "utf-8", "backslashreplace")
    print(f"In {run}: {', '.join(sorted(file.name for file in run.iterdir()))}")


def ensure_repo(repo_id: str | None) -> None:
    """Create the repo if absent: a missing permission shows now rather than days later."""
    if repo_id is not None:
        hub.create_repo(repo_id)


def share(run: Path, repo_id: str) -> None:
    """Push the run, or print the command that does it later."""
    try:
        print(f"Pushed: {push(run, repo_id)}")
    except (ValueError, OSError) as error:
        later = shlex.join(["python", "-m", "hub.push", str(run), repo_id])
        sys.exit(f"error: {error}\nThe run is whole in {run}; to push it later:\n  {later}")


@contextlib.contextmanager
def exit_with_message(*kinds: type[Exception]) -> Iterator[None]:
    """End the program with the message of an error of these kinds, without a traceback."""
    try:
        yield
    except kinds as error:
        sys.exit(f"error: {error}")


def resume_command() -> str:
    """Return the command that continues this run."""
    arguments = [a for a in sys.argv[1:] if a != "--resume"] + ["--resume"]
    return shlex.join(["python", "-m", "training.run", *arguments])


if __name__ == "__main__":
    main(parse())
