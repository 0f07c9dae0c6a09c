"""What a program says: to readers that leave, to full disks, and where there is no terminal."""

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm

READER_LEFT = errno.EPIPE, errno.EIO  # of a pipe, of a terminal
_ctrl_c = threading.Event()


class ResilientStream:
    """A text stream that raises no `OSError`: after the first, what is written is dropped.

    It equals the stream that it writes to, as tqdm looks for bars on the same one.

    Attributes:
        lost: That error, `None` if there was none.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = getattr(stream, "_stream", stream)
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text."""
        self._attempt(self._stream.write, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        self._attempt(self._stream.writelines, lines)

    def flush(self) -> None:
        """Write what is buffered."""
        self._attempt(self._stream.flush)

    def _attempt(self, function: Callable[..., Any], *args: Any) -> None:
        if self.lost is None:
            try:
                function(*args)
            except OSError as error:
                self.lost = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __eq__(self, other: object) -> bool:
        return self._stream is getattr(other, "_stream", other)

    def __hash__(self) -> int:
        return hash(self._stream)


@contextlib.contextmanager
def resilient_output() -> Iterator[None]:
    """Run a command, whatever becomes of its standard output and error.

    - A reader that has left, as in `… | head`, does not end it.
    - A disk that is full does not either; but it is said, and the exit status is 1.
    - Closed streams are opened as null devices. A descriptor that is free would go to the next file
      that is opened, and a library's message into that file.
    - Characters that the encoding lacks are escaped.

    Ctrl-C ends it without a traceback.
    """
    _open_descriptors()
    streams = [_made_resilient(name) for name in ("stdout", "stderr")]
    stopped = False
    try:
        with _remembering_ctrl_c():
            yield
    except KeyboardInterrupt:
        stopped = True
    finally:
        for stream in streams:
            stream.flush()
            if stream.lost is not None:  # its buffer is flushed once more as Python ends
                with open(os.devnull, "w") as null:
                    os.dup2(null.fileno(), stream.fileno())
    if stopped:
        print("\nStopped.", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    if (lost := streams[0].lost) is not None and lost.errno not in READER_LEFT:
        sys.exit(f"error: standard output could not be written to ({lost.strerror}).")


def ctrl_c_came() -> bool:
    """Return whether Ctrl-C has been pressed in a command, which may go on all the same.

    Python drops a `KeyboardInterrupt` that comes in a callback of its garbage collector, and JAX
    has one.
    """
    return _ctrl_c.is_set()


def progress_bar(**options: Any) -> Any:
    """Return a bar of tqdm on standard error, which is not drawn where there is none.

    A terminal or a pipe that is gone never ends what the bar is of.
    """
    if sys.stderr is None:
        options["disable"] = True
        return tqdm(**options)
    return tqdm(file=ResilientStream(sys.stderr), dynamic_ncols=True, **options)


def say(text: str) -> None:
    """Print a line on standard error, above the bars that are drawn there."""
    if sys.stderr is not None:
        tqdm.write(text, file=ResilientStream(sys.stderr))


def printable(name: object) -> str:
    """Return a name with all that is not printable escaped, as line breaks, or bytes that are no
    UTF-8: for sentences that a name of a stranger's could otherwise break, or forge.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


@contextlib.contextmanager
def _remembering_ctrl_c() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if before is not signal.default_int_handler or not is_main:  # it ends nothing here
        yield
        return

    def remember(number: int, frame: Any) -> None:
        _ctrl_c.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _ctrl_c.clear()


def _made_resilient(name: str) -> ResilientStream:
    stream = getattr(sys, name)
    if stream is None:
        stream = open(os.devnull, "w")  # noqa: SIM115 (open until the program ends)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    resilient = ResilientStream(stream)
    setattr(sys, name, resilient)
    return resilient


def _open_descriptors() -> None:
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
