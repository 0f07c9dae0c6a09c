"""The training loop: batch → step → log, evaluate, save."""

import sys
import time

from jax.sharding import Mesh
from tqdm import tqdm

from .arguments import resume_command
from .config import TrainConfig
from .data import Batches, Scenes
from .devices import agree, split
from .diagnostics import warning
from .evaluate import evaluate
from .hosts import is_main
from .log import Log
from .saving import Saver
from .signals import defer_signals, exit_status
from .step import TrainState, train_step

LOG_EVERY = 50  # steps
QUICK_LOOK = 200  # validation images scored while training; at the end, all of them


def train(
    config: TrainConfig,
    state: TrainState,
    mesh: Mesh,
    training_set: Batches,
    validation: Scenes,
    log: Log,
    saver: Saver,
    eval_every: int,
) -> TrainState:
    """Train to the last step, and return the final state.

    Every 50 steps, their metrics are logged. Every `eval_every` steps, and after the last, 200
    validation images are scored and a checkpoint is saved. If a signal asks any host to stop, a
    checkpoint is saved and the program ends.
    """
    look, first, shown = validation[:QUICK_LOOK], int(state.step), {}
    asked_to_stop = agree(mesh)
    bar = tqdm(
        desc="compiling", total=config.steps, initial=first, unit="step", dynamic_ncols=True,
        disable=not is_main(),
    )  # fmt: skip
    with defer_signals() as interrupted, bar:
        for step in range(first + 1, config.steps + 1):
            start = time.monotonic()
            try:
                images = next(training_set)
            except (ConnectionError, ValueError):
                if step > first + 1:
                    saver.save(state, log.seconds)
                    _say_where_it_is_saved(step - 1, saver, bar)
                raise
            waited = time.monotonic() - start
            state, measured = train_step(split(images, mesh), state, config)
            log.add(measured, waited)
            bar.set_description("training", refresh=False)
            bar.update()
            due, stop = step % eval_every == 0 or step == config.steps, asked_to_stop(interrupted())
            if due or stop or step % LOG_EVERY == 0:
                shown["loss"] = f"{log.flush()['loss']:.1f}"  # raises if it is no number
            if due:
                scores, use = evaluate(state.model, look, config.dataset, mesh)
                log.write(step, {f"validation_{n}": v for n, v in (scores | use).items()})
                shown["FG-ARI"] = f"{scores['fg_ari']:.3f}"
                # In the first half of a run, slots may not bind yet.
                if is_main() and 2 * step >= config.steps and (found := warning(use)):
                    bar.write(f"Step {step}: {found}", file=sys.stderr)
            bar.set_postfix(shown, refresh=False)
            if due or stop:
                saver.save(state, log.seconds)
            if stop:
                _say_where_it_is_saved(step, saver, bar)
                sys.exit(exit_status(stop))
        saver.wait()
    return state


def _say_where_it_is_saved(step: int, saver: Saver, bar: tqdm) -> None:
    saver.wait()
    bar.close()
    if is_main():
        print(f"Saved at step {step}. Continue with:\n  {resume_command()}")
