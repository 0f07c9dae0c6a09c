"""What becomes of a program's surroundings: disks that are full, readers that have left."""

import contextlib
import os
import resource
import signal


@contextlib.contextmanager
def full_disk(size):
    """Files of this process cannot grow beyond so many bytes; writing raises EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def usual_signals(numbers):
    """Signals as a program in a terminal has them: tests may run under `nohup`, and in workers that
    ignore Ctrl-C.
    """
    usual = dict.fromkeys(numbers, signal.SIG_DFL)
    if signal.SIGINT in usual:
        usual[signal.SIGINT] = signal.default_int_handler
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def broken_pipe():
    """A stream to a pipe whose reader has left: writing raises EPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    with _dropped(os.fdopen(writer, "w", buffering=1)) as stream:
        yield stream


@contextlib.contextmanager
def full_device():
    """A stream to a file on a disk without space: writing raises ENOSPC."""
    with _dropped(open("/dev/full", "w", buffering=1)) as stream:
        yield stream


@contextlib.contextmanager
def _dropped(stream):
    """A stream whose buffer is not written in the end, as that would raise again."""
    try:
        yield stream
    finally:
        with open(os.devnull, "w") as null:
            os.dup2(null.fileno(), stream.fileno())
        stream.close()
