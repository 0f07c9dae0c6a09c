"""Deferring the signals that ask a program to stop until a loop is ready for them."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from hub.common.terminal import ctrl_c_came

# Ctrl-C, a scheduler's, a terminal that is closed, and what schedulers send before they kill.
NAMES = "SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"
STOPPING = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
TRY_AGAIN = getattr(os, "EX_TEMPFAIL", 75)  # the exit status of sysexits.h for it


@contextlib.contextmanager
def defer_signals() -> Iterator[Callable[[], int]]:
    """Defer the signals that ask to stop in the block; the second time, one ends the program.

    They are Ctrl-C, SIGTERM, SIGHUP, which a terminal sends as it is closed, and SIGUSR1, SIGUSR2
    and SIGXCPU, which schedulers send some time before the end of a job. SIGHUP stays ignored where
    it is, as by `nohup`. In another thread than the main one nothing is deferred: Python gives
    signals to that one alone.

    Yields a function that returns the number of the signal that came, 0 if none did. A Ctrl-C from
    before the block that has not ended the program, as it should have, is one.
    """
    caught = [int(signal.SIGINT) if ctrl_c_came() else 0]
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return

    def catch(number: int, _: object) -> None:
        caught[0] = number
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.getsignal(number) for number in STOPPING}
    ignored = {getattr(signal, "SIGHUP", None)} & {
        number for number, handler in before.items() if handler is signal.SIG_IGN
    }
    try:
        for number in before.keys() - ignored:
            signal.signal(number, catch)
        yield lambda: caught[0]
    finally:
        for number in before.keys() - ignored:
            signal.signal(number, before[number])


def exit_status(number: int) -> int:
    """Return the exit status after a signal: `TRY_AGAIN`, on which a scheduler may start the
    program again, except for Ctrl-C and a closed terminal.
    """
    by_a_person = signal.SIGINT, getattr(signal, "SIGHUP", None)
    return 128 + number if number in by_a_person else TRY_AGAIN
