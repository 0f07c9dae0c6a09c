"""Train a model, or several seeds: `python -m training.run --dataset tetrominoes`."""

import contextlib
import signal
import sys
from collections.abc import Callable, Sequence

import jax
from jax.sharding import Mesh

from hub.common.errors import exit_with_message
from hub.common.prefetch import begin
from hub.common.terminal import resilient_output

from .arguments import parse, resume_command
from .data import (
    Scenes,
    describe_data,
    load_validation,
    stream_batches,
    with_validation_features,
)
from .distributed import (
    all_devices,
    exit_if_one_is_lost,
    exit_status,
    is_main,
    make_mesh,
    replicate,
)
from .ensemble import Ensemble, Single
from .loop import train
from .options import Arguments
from .runs import (
    NonFiniteError,
    Plan,
    check_tracker,
    clear_divergence,
    device_names,
    first_states,
    folder,
    has_diverged,
    lock_folders,
    make_tracker,
    open_runs,
    plan,
    scores_of,
    share,
    summarise,
    title,
    to_train,
    write_report,
)
from .step import TrainState


def main(arguments: Arguments) -> None:
    """Plan, train, report, share. A user's mistake ends the program with one sentence."""
    with exit_with_message(NonFiniteError, ValueError, OSError):
        mesh = check_machine(arguments)  # before a folder is created that nothing would fill
        planned = plan(arguments)
        announce(arguments, planned, mesh)
        with lock_folders(planned):
            train_planned(arguments, planned, mesh)
    for one in planned:
        if one.repo and is_main() and not has_diverged(one.folder):
            share(one.folder, one.repo)
    if not arguments.alone and all(has_diverged(one.folder) for one in planned):
        sys.exit("error: training has diverged with all seeds.")


def check_machine(arguments: Arguments) -> Mesh:
    """Return the devices to train on.

    Raises a `ValueError` if a batch cannot be split between them, if the tracker is not installed
    or not logged in, or if JAX has 64 bits, in which images and new weights would not fit together.
    """
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise ValueError("training is in float32: unset JAX_ENABLE_X64 to train.")
    count = arguments.computing.devices
    mesh = make_mesh(arguments.recipe, count) if arguments.alone else all_devices(count)
    if arguments.output.tracker is not None and is_main():
        check_tracker(arguments.output.tracker)
    return mesh


def train_planned(arguments: Arguments, planned: Sequence[Plan], mesh: Mesh) -> None:
    """Train and report the runs that are not over, and sum up those of several seeds."""
    plans = to_train(planned, arguments.alone)
    # Scenes are loaded while weights are compiled.
    validation = begin(lambda: load_validation(plans[0].config)) if plans else None
    states, seconds = first_states(plans)
    with exit_if_one_is_lost(f"Then continue, on every host:\n  {resume_command()}"):
        try:
            if validation is not None:
                train_and_report(arguments, plans, states, seconds, mesh, validation)
            if not arguments.alone:
                scores = {one.config.seed: scores_of(one.folder) for one in planned}
                summarise(folder(arguments), scores)
            elif is_main():  # also if it was one of several that had diverged
                clear_divergence(plans[0].folder)
        except KeyboardInterrupt:  # before the first step, or after the last
            print(f"\nStopped. Continue with:\n  {resume_command()}")
            sys.exit(exit_status(signal.SIGINT))


def announce(arguments: Arguments, planned: Sequence[Plan], mesh: Mesh) -> None:
    """Print what is trained, on which scenes and devices."""
    config = planned[0].config
    seeds = "" if arguments.alone else f" and on, {len(planned)} seeds"
    if is_main():
        scenes = describe_data(config.dataset, config.data)
        print(f"{title(config)}{seeds}: {scenes}")
        why = f", as a batch of {config.batch_size} does not divide by all"
        as_asked = arguments.computing.devices or mesh.size == len(jax.devices())
        print(f"On {device_names(mesh)}{'' if as_asked else why}.", flush=True)


def train_and_report(
    arguments: Arguments,
    plans: Sequence[Plan],
    states: Sequence[TrainState],
    seconds: float,
    mesh: Mesh,
    validation: Callable[[], Scenes],
) -> None:
    """Train from these states to the end, and write what each run leaves.

    - `seconds`: of training that the states have behind them.
    - `validation`: function that waits for the scenes to score.
    """
    config, step, output = plans[0].config, int(states[0].step), arguments.output
    trackers = []
    if output.tracker is not None and is_main():
        where = folder(arguments)
        trackers.append(make_tracker(output.tracker, where, config.to_dict(), step))
    runs = open_runs(plans, step, seconds, trackers, arguments.alone)
    models = Single(states[0], config, mesh) if arguments.alone else Ensemble(states, config, mesh)
    components = states[0].model.components
    with contextlib.closing(stream_batches(config, step, components)) as batches:
        if config.model.target == "features":
            scenes = with_validation_features(validation(), config, components)
            validation = lambda: scenes  # noqa: E731
        done = train(models, runs, step, mesh, batches, validation, output.eval_every)
    seconds = runs[0].log.seconds
    for run in done:
        model = replicate(models.state(run.place).model, mesh)
        write_report(run, model, validation(), mesh, seconds, len(runs))
    for tracker in trackers:
        tracker.finish()


if __name__ == "__main__":
    with resilient_output():
        main(parse())
