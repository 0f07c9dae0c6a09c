"""Checkpoints that are saved while training goes on."""

import threading
from unittest import mock

import pytest

from training.runs import checkpoint
from training.runs.saving import Saver
from training.step import initial_state

from ..ended import full_disk
from ..tiny import TINY, advance, equal


def test_what_is_saved_is_the_state_at_that_time(scenes, tmp_path):  # noqa: F811
    """Though the next steps, which write over its memory, come before it is written."""
    state, _ = advance(initial_state(TINY), 2, scenes)
    wanted, _ = advance(initial_state(TINY), 2, scenes)
    saver, save, go_on = Saver(tmp_path, TINY), checkpoint.save, threading.Event()

    def late(*arguments):
        assert go_on.wait(60)
        save(*arguments)

    with mock.patch.object(checkpoint, "save", late):
        saver.save(state, 1.5)
        advance(state, 3, scenes)
        go_on.set()
        saver.wait()
    restored, seconds = checkpoint.restore(tmp_path, initial_state(TINY), TINY)
    assert equal(restored, wanted) and seconds == 1.5


def test_a_full_disk_is_said_and_the_last_checkpoint_kept(tmp_path):
    state, saver = initial_state(TINY), Saver(tmp_path, TINY)
    saver.save(state, 0.0)
    saver.wait()
    with full_disk(4096):
        saver.save(state, 1.0)
        with pytest.raises(OSError, match="could not be saved .*File too large.*with --resume"):
            saver.save(state, 2.0)
    assert [folder.name for folder in checkpoint.list_checkpoints(tmp_path)] == ["step-00000000"]
    assert checkpoint.restore(tmp_path, state, TINY)[1] == 0.0
    assert not list(tmp_path.glob("checkpoints/.*"))
    saver.wait()
