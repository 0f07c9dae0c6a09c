"""Ctrl-C and SIGTERM as a question that a loop asks when it is ready for the answer."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interruption() -> Iterator[Callable[[], int]]:
    """While the block runs, Ctrl-C and SIGTERM only set a number to ask for; twice, they kill."""
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
