"""Train a model, or several seeds: `python -m training.run --dataset tetrominoes`."""

import contextlib
import sys
from collections.abc import Iterator, Sequence

import equinox as eqx

from . import checkpoint
from .arguments import Arguments, parse
from .card import title
from .data import describe_data, load, split_name, stream_batches
from .devices import all_devices, make_mesh, replicate
from .ensemble import Ensemble, Single
from .hosts import is_main, on_main, tell
from .log import Log, NonFiniteError
from .loop import Run, train
from .prepare import Plan, folder, plan
from .report import ensure_repo, report, share
from .saving import Saver
from .seeds import has_diverged
from .step import TrainState, initial_state
from .summary import summarise
from .trackers import Tracker, library_of, make_tracker, with_prefix


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
        if not plans:
            raise ValueError(f"all seeds in {folder(arguments)} have diverged.")
        states, seconds = first_states(plans)
    with exit_with_message(NonFiniteError, ValueError, OSError):
        validation = load(
            config.dataset,
            split_name(config.subset, "validation"),
            data=config.data,
            size=config.model.image_size,
        )
        step, trackers = int(states[0].step), []
        if output.tracker is not None and is_main():
            where = folder(arguments)
            trackers.append(make_tracker(output.tracker, where, config.to_dict(), step))
        runs = start(plans, step, seconds, trackers, alone)
        models = Single(states[0], config, mesh) if alone else Ensemble(states, config)
        with contextlib.closing(stream_batches(config, step)) as batches:
            done = train(models, runs, step, mesh, batches, validation, output.eval_every)
        seconds = runs[0].log.seconds
        scores: dict[int, dict[str, float] | None] = {one.config.seed: None for one in everything}
        for run in done:
            model = replicate(models.state(run.place).model, mesh)
            scores[run.config.seed] = report(run, model, mesh, validation, seconds, len(runs))
        for tracker in trackers:
            tracker.finish()
        if not alone:
            summarise(folder(arguments), scores)
    for one in plans:
        if one.repo and is_main() and scores[one.config.seed]:
            share(one.folder, one.repo)


def start(
    plans: Sequence[Plan], step: int, seconds: float, trackers: Sequence[Tracker], alone: bool
) -> list[Run]:
    """Return the runs, whose logs go to the trackers too, under the names of several seeds."""
    runs = []
    for place, one in enumerate(plans):
        prefix = "" if alone else f"seed{one.config.seed}/"
        named = [with_prefix(tracker, prefix) for tracker in trackers]
        log = Log(one.folder / "metrics.jsonl", step, seconds, named)
        saver = Saver(one.folder, one.config)
        runs.append(Run(one.config, one.folder, one.resumed, log, saver, place))
    return runs


def left_out(plan: Plan) -> bool:
    """Return whether a seed has diverged before, and say so."""
    if is_there := has_diverged(plan.folder):
        print(f"Seed {plan.config.seed} has diverged, and is left as it is: {plan.folder}")
    return is_there


def first_states(plans: Sequence[Plan]) -> tuple[list[TrainState], float]:
    """Return the states that the runs start with, and the seconds taken, on every host."""
    states, seconds = [initial_state(one.config) for one in plans], 0.0

    def started() -> str:
        nonlocal seconds
        for one, state in zip(plans, states, strict=True):
            if not one.resumed:  # from here on it can be resumed
                checkpoint.save(one.folder, state, one.config, seconds)
        step = checkpoint.common_step([one.folder for one in plans]) if len(plans) > 1 else None
        for place, one in enumerate(plans):
            if one.resumed:
                kept = checkpoint.restore(one.folder, states[place], one.config, step)
                states[place], seconds = kept
                ensure_repo(one.repo)
        return str(seconds)

    seconds = float(on_main(started))
    for place, state in enumerate(states):
        arrays, rest = eqx.partition(state, eqx.is_array)
        states[place] = eqx.combine(tell(arrays), rest)
    return states, seconds


@contextlib.contextmanager
def exit_with_message(*kinds: type[Exception]) -> Iterator[None]:
    """End the program with the message of an error of these kinds, without a traceback."""
    try:
        yield
    except kinds as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(parse())
