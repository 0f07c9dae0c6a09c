"""The training loop: batch → step → log, evaluate, save."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from jax.sharding import Mesh
from tqdm import tqdm

from hub.common.terminal import progress_bar, say

from .arguments import resume_command
from .data import Batches, Scenes
from .distributed import agree, defer_signals, exit_status, is_main, replicate
from .ensemble import Models
from .evaluation import METRICS, evaluate, warning
from .runs import NonFiniteError, Run, flush, last_step

LOG_EVERY = 50  # steps
QUICK_LOOK = 200  # validation images scored while training; at the end, all of them


def train(
    models: Models,
    runs: Sequence[Run],
    first: int,
    mesh: Mesh,
    training_set: Batches,
    validation: Callable[[], Scenes],
    eval_every: int,
) -> list[Run]:
    """Train to the last step, and return the runs that have come there.

    Every 50 steps, their metrics are logged. Every `eval_every` steps, and after the last, 200
    validation images are scored and a checkpoint is saved. If a signal asks any host to stop, a
    checkpoint is saved and the program ends. If an error ends the loop, whatever it is of, the last
    state that is whole is saved before it is raised.

    If one of several diverges, the others go on. One that is alone raises a `NonFiniteError`.

    - `runs`: one for each of the models, which have the same number of steps.
    - `first`: the step that they are at.
    - `mesh`: the devices that evaluate.
    - `validation`: function that waits for the scenes to score, until the first step is compiled.
    """
    steps, shown = runs[0].config.steps, {}
    runs, asked_to_stop = list(runs), agree(mesh)
    bar = progress_bar(
        desc="compiling", total=steps, initial=first, unit="step", disable=not is_main()
    )
    with defer_signals() as interrupted, bar, _saving_what_is_there(models, runs, bar):
        for step in range(first + 1, steps + 1):
            start = time.monotonic()
            images = next(training_set)
            waited = time.monotonic() - start
            measured, look = models.step(images), validation()[:QUICK_LOOK]
            for run in runs:
                run.log.add(measured[run.place], waited)
            bar.set_description("training", refresh=False)
            bar.update()
            due, stop = step % eval_every == 0 or step == steps, asked_to_stop(interrupted())
            if due or stop or step % LOG_EVERY == 0:
                runs[:], losses = flush(runs)
                if not runs:
                    break
                shown["loss"] = _range(losses, ".1f")
            if due:
                shown |= _look(models, runs, step, mesh, look)
            bar.set_postfix(shown, refresh=False)
            if due or stop:
                _save(models, runs)
            if stop:
                _say_where_it_is_saved(step, runs, bar)
                sys.exit(exit_status(stop))
        for run in runs:
            run.saver.wait()
    return runs


@contextlib.contextmanager
def _saving_what_is_there(models: Models, runs: Sequence[Run], bar: tqdm) -> Iterator[None]:
    """Save the state that an error in the block leaves, if it is newer than the last checkpoint
    and finite.
    """
    try:
        yield
    except NonFiniteError:
        raise
    except Exception:
        with contextlib.suppress(Exception):  # the first one is the cause
            for run in runs:
                run.log.flush()  # which looks whether it has diverged
            step = int(models.state(runs[0].place).step)
            if is_main() and step != last_step(runs[0].folder):
                _save(models, runs)
                _say_where_it_is_saved(step, runs, bar)
        raise


def _look(
    models: Models, runs: Sequence[Run], step: int, mesh: Mesh, look: Scenes
) -> dict[str, str]:
    """Score the models, log it, and return what the bar shows: FG-ARI, or MSE without labels."""
    found, metric = [], "mse" if look.labels is None else "fg_ari"
    for run in runs:
        model = replicate(models.state(run.place).model, mesh)
        scores, use = evaluate(model, look, run.config.dataset, mesh)
        run.log.write(step, {f"validation_{n}": v for n, v in (scores | use).items()})
        found.append(scores[metric])
        # In the first half of a run, slots may not bind yet.
        if is_main() and 2 * step >= run.config.steps and (said := warning(use)):
            which = f", seed {run.config.seed}" if len(runs) > 1 else ""
            say(f"Step {step}{which}: {said}")
    return {METRICS[metric]: _range(found, ".3f")}


def _range(values: Sequence[float], digits: str) -> str:
    """Return the smallest and the largest value, or the one that there is."""
    ends = dict.fromkeys(format(value, digits) for value in (min(values), max(values)))
    return "–".join(ends)


def _save(models: Models, runs: Sequence[Run]) -> None:
    """Save a checkpoint of every run, while training goes on."""
    for run in runs:
        run.saver.save(models.state(run.place), run.log.seconds)


def _say_where_it_is_saved(step: int, runs: Sequence[Run], bar: tqdm) -> None:
    """Wait until the checkpoints are written, and print how to go on from them."""
    for run in runs:
        run.saver.wait()
    bar.close()
    if is_main():
        print(f"Saved at step {step}. Continue with:\n  {resume_command()}")
