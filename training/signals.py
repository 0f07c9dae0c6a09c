"""Deferring Ctrl-C and SIGTERM until a loop is ready for them."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def defer_signals() -> Iterator[Callable[[], int]]:
    """Defer Ctrl-C and SIGTERM in the block; the second one ends the program.

    Yields a function that returns the number of the signal that came, 0 if none did.
    """
    caught = [0]

    def catch(number: int, _: object) -> None:
        caught[0] = number
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: caught[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
