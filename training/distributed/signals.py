"""Deferring the signals that ask a program to stop until a loop is ready for them."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]
TRY_AGAIN = getattr(os, "EX_TEMPFAIL", 75)  # the exit status of sysexits.h for it


@contextlib.contextmanager
def defer_signals() -> Iterator[Callable[[], int]]:
    """Defer Ctrl-C, SIGTERM and SIGUSR1 in the block; the second time, one ends the program.

    SIGUSR1 is what SLURM can be told to send some time before the end of a job.

    Yields a function that returns the number of the signal that came, 0 if none did.
    """
    caught = [0]

    def catch(number: int, _: object) -> None:
        caught[0] = number
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, catch) for number in STOPPING}
    try:
        yield lambda: caught[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_status(number: int) -> int:
    """Return the exit status after a signal: `TRY_AGAIN`, on which a scheduler may start the
    program again, except for Ctrl-C.
    """
    return 128 + number if number == signal.SIGINT else TRY_AGAIN
