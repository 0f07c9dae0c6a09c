"""Train a model, or several seeds: `python -m training.run --dataset tetrominoes`."""

import contextlib
import sys
from collections.abc import Sequence

from jax.sharding import Mesh

from hub.common.errors import exit_with_message

from .arguments import parse, resume_command
from .data import describe_data, load, split_name, stream_batches
from .distributed.devices import all_devices, make_mesh, replicate
from .distributed.hosts import exit_if_one_is_lost, is_main
from .ensemble import Ensemble, Single
from .loop import train
from .options import Arguments
from .runs.card import title
from .runs.log import NonFiniteError
from .runs.prepare import Plan, folder, plan
from .runs.report import share, write_report
from .runs.run import open_runs
from .runs.seeds import clear_divergence, has_diverged
from .runs.start import check_together, first_states, left_out
from .runs.summary import scores_of, summarise
from .runs.trackers import library_of, make_tracker
from .step import TrainState


def main(arguments: Arguments) -> None:
    """Prepare, train, report. A user's mistake ends the program with one sentence."""
    output, alone = arguments.output, arguments.seeds.seeds is None
    with exit_with_message(ValueError, OSError):
        # Before a folder is created that nothing would fill.
        mesh = make_mesh(arguments.recipe) if alone else all_devices()
        if output.tracker is not None and is_main():
            library_of(output.tracker)
        everything = plan(arguments)
        config = everything[0].config
        if is_main():
            what = title(config) if alone else f"{title(config)} and on, {len(everything)} seeds"
            print(f"{what}: {describe_data(config.dataset, config.data)}", flush=True)
        plans = [one for one in everything if alone or not left_out(one)]
        check_together(plans)
        states, seconds = first_states(plans)
    lost = f"Then continue, on every host:\n  {resume_command()}"
    with exit_with_message(NonFiniteError, ValueError, OSError), exit_if_one_is_lost(lost):
        if plans:
            train_and_report(plans, states, seconds, arguments, mesh)
        if not alone:
            scores = {one.config.seed: scores_of(one.folder) for one in everything}
            summarise(folder(arguments), scores)
        elif is_main():  # also if it was one of several that had diverged
            clear_divergence(plans[0].folder)
    for one in everything:
        if one.repo and is_main() and not has_diverged(one.folder):
            share(one.folder, one.repo)
    if not alone and all(has_diverged(one.folder) for one in everything):
        sys.exit("error: training has diverged with all seeds.")


def train_and_report(
    plans: Sequence[Plan],
    states: Sequence[TrainState],
    seconds: float,
    arguments: Arguments,
    mesh: Mesh,
) -> None:
    """Train from these states to the end, and write what each run leaves."""
    output, alone, where = arguments.output, arguments.seeds.seeds is None, folder(arguments)
    config, step = plans[0].config, int(states[0].step)
    split, size = split_name(config.subset, "validation"), config.model.image_size
    validation = load(config.dataset, split, data=config.data, size=size)
    trackers = []
    if output.tracker is not None and is_main():
        trackers.append(make_tracker(output.tracker, where, config.to_dict(), step))
    runs = open_runs(plans, step, seconds, trackers, alone)
    models = Single(states[0], config, mesh) if alone else Ensemble(states, config)
    with contextlib.closing(stream_batches(config, step)) as batches:
        done = train(models, runs, step, mesh, batches, validation, output.eval_every)
    seconds = runs[0].log.seconds
    for run in done:
        model = replicate(models.state(run.place).model, mesh)
        write_report(run, model, validation, mesh, seconds, len(runs))
    for tracker in trackers:
        tracker.finish()


if __name__ == "__main__":
    main(parse())
