"""A signal that asks a program to stop waits until the program is ready for it."""

import contextlib
import gc
import os
import signal
import sys
import threading

import pytest

from hub.common.terminal import resilient_output
from training.distributed import defer_signals, exit_status
from training.distributed.signals import NAMES, STOPPING

from ..ended import usual_signals

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def as_in_a_terminal(monkeypatch):
    """Its signals; and the streams are put back after the test."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    with usual_signals(STOPPING):
        yield


@pytest.mark.parametrize("name", NAMES)
def test_it_is_deferred_and_told_and_then_as_it_was(name):
    number, before = signal.Signals[name], signal.getsignal(signal.Signals[name])
    with defer_signals() as interrupted:
        assert interrupted() == 0
        os.kill(os.getpid(), number)
        assert interrupted() == number
        assert signal.getsignal(number) == signal.SIG_DFL  # the next one ends the program
    assert signal.getsignal(number) == before


def test_a_program_that_outlives_its_terminal_is_not_stopped_as_that_is_closed():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` does
    try:
        with defer_signals() as interrupted:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupted() == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_ctrl_c_that_python_has_dropped_stops_the_loop_after_it():
    """As one that comes while garbage is collected, where JAX has a callback."""

    def during_collection(phase, _):
        if phase == "stop":
            os.kill(os.getpid(), signal.SIGINT)

    with resilient_output():
        gc.callbacks.append(during_collection)
        try:
            with dropped_errors() as dropped:
                gc.collect()
        finally:
            gc.callbacks.remove(during_collection)
        assert dropped == [KeyboardInterrupt]
        with defer_signals() as interrupted:
            assert interrupted() == signal.SIGINT
    with defer_signals() as interrupted:
        assert interrupted() == 0


@contextlib.contextmanager
def dropped_errors():
    """The kinds of errors that Python can only print."""
    dropped, before = [], sys.unraisablehook
    sys.unraisablehook = lambda unraisable: dropped.append(unraisable.exc_type)
    try:
        yield dropped
    finally:
        sys.unraisablehook = before


def test_in_a_thread_nothing_is_deferred():
    told, before = [], [signal.getsignal(number) for number in STOPPING]

    def use():
        with defer_signals() as interrupted:
            told.append(interrupted())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert told == [0] and before == [signal.getsignal(number) for number in STOPPING]


def test_a_scheduler_may_start_it_again_but_not_where_a_person_has_ended_it():
    codes = {name: exit_status(signal.Signals[name]) for name in NAMES}
    again = {"SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU"}
    assert codes == {"SIGINT": 130, "SIGHUP": 129} | dict.fromkeys(again, 75)
