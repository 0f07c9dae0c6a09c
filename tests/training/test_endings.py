"""Whatever ends a run, its last state is saved; what breaks beside the training does not end it."""

import os
import signal
import sys
import threading

import equinox as eqx
import jax.numpy as jnp
import pytest

from hub.common.files import lock_folder
from training.arguments import parse
from training.data import Place
from training.data.scenes import shuffled_batches
from training.distributed.devices import make_mesh
from training.ensemble import Single
from training.loop import train
from training.run import main
from training.runs import Run, checkpoint
from training.runs.log import Log
from training.runs.saving import Saver
from training.step import initial_state

from ..ended import broken_pipe, usual_signals
from ..tiny import SMALL, TINY, advance, equal

STEPS = 3


class Broken(Exception):
    """An error of a kind that nothing here knows."""


def until(scenes, end):
    """Batches, and after some steps an end."""
    batches = shuffled_batches(scenes.images, Place(TINY.batch_size))
    for _ in range(STEPS):
        yield next(batches)
    end()
    yield next(batches)


def run_to(end, scenes, folder, change=lambda state: state):
    state, mesh = change(initial_state(TINY)), make_mesh(TINY)
    run = Run(TINY, folder, False, Log(folder / "metrics.jsonl", 0, 0.0), Saver(folder, TINY))
    train(Single(state, TINY, mesh), [run], 0, mesh, until(scenes, end), lambda: scenes, 1000)


def diverged(state):
    return eqx.tree_at(lambda s: s.model.initial_slots, state, replace_fn=lambda x: x * jnp.nan)


def failing(error):
    def end():
        raise error

    return end


@pytest.fixture(autouse=True)
def as_in_a_terminal():
    with usual_signals([signal.SIGINT, signal.SIGHUP]):
        yield


def sending(name):
    return lambda: os.kill(os.getpid(), signal.Signals[name])


ENDS = {
    "an error": (failing(Broken("no one knows")), STEPS, Broken),
    "a lost connection": (failing(ConnectionError("gone")), STEPS, ConnectionError),
    "a terminal that is closed": (sending("SIGHUP"), STEPS + 1, SystemExit),
    "Ctrl-C": (sending("SIGINT"), STEPS + 1, SystemExit),
}


@pytest.mark.parametrize(("end", "step", "kind"), ENDS.values(), ids=ENDS)
def test_the_last_state_is_saved_and_the_command_told(scenes, tmp_path, capsys, end, step, kind):
    with pytest.raises(kind):
        run_to(end, scenes, tmp_path)
    saved, _ = checkpoint.restore(tmp_path, initial_state(TINY), TINY)
    assert equal(saved, advance(initial_state(TINY), step, scenes)[0])
    said = capsys.readouterr().out
    assert f"Saved at step {step}. Continue with:\n  python -m training.run" in said


@pytest.mark.slow
def test_a_state_that_has_diverged_takes_the_place_of_none(scenes, tmp_path):
    with pytest.raises(Broken):
        run_to(failing(Broken()), scenes, tmp_path, diverged)
    assert checkpoint.last_step(tmp_path) is None


def test_ctrl_c_that_ends_the_reader_of_its_output_too_saves_the_state(
    scenes, tmp_path, monkeypatch
):
    """As with `2>&1 | tee log`: the bar cannot be drawn any more when the signal is looked at."""
    with broken_pipe() as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        with pytest.raises(SystemExit, match="130"):
            run_to(sending("SIGINT"), scenes, tmp_path)
        monkeypatch.undo()
    assert checkpoint.last_step(tmp_path) == STEPS + 1


def test_it_trains_in_another_thread_than_the_main_one(scenes, tmp_path):
    def work():
        with pytest.raises(Broken):
            run_to(failing(Broken()), scenes, tmp_path)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert checkpoint.last_step(tmp_path) == STEPS


def test_a_second_program_is_kept_out_of_the_folder_of_a_run(tmp_path):
    """Though the first may look dead, and whether the second is to continue it or to start."""
    run = tmp_path / "run"
    words = [*SMALL, "--out", str(run)]
    config = parse(words).recipe
    run.mkdir()
    with lock_folder(run):
        for resume in ((), ("--resume", "auto")):
            with pytest.raises(SystemExit, match="error: another run is writing to .*; wait for"):
                main(parse([*words, *resume]))
        assert not list(run.iterdir())
        checkpoint.save(run, initial_state(config), config, 0.0)
        unfinished = run / "checkpoints" / ".step-00000001.abc"
        unfinished.mkdir()  # which is being written
        for resume in ("yes", "auto"):
            with pytest.raises(SystemExit, match="error: another run is writing to .*; wait for"):
                main(parse([*words, "--resume", resume]))
    assert unfinished.exists()
