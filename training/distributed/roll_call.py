"""Which hosts are missing: JAX aborts the program without a word on that."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator

EVERY = 1.0  # seconds


@contextlib.contextmanager
def roll_call(
    coordinator: str | None, hosts: int | None, host: int | None, timeout: float
) -> Iterator[None]:
    """End the program if the block takes longer than `timeout` seconds; say which host is missing.

    Hosts report to host 0 by datagrams to the coordinator's port, which do not disturb what listens
    there for JAX, and of which any may be lost: they matter to the message alone.
    """
    present, over = {host or 0}, threading.Event()

    def end() -> None:
        if over.wait(timeout):
            return
        missing = [str(number) for number in range(hosts or 0) if number not in present]
        who = f"host {', '.join(missing)}" if missing and not host else "another host"
        named = "" if host is None else f" This is host {host}; host 0 is {coordinator}."
        print(
            f"error: {who} did not join within {timeout:.0f} s.{named} Is the command running on "
            "every host?",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # the main thread is in JAX, which no exception reaches

    threading.Thread(target=end, daemon=True).start()
    if coordinator is not None:
        tasks = (coordinator, host, present, over)
        threading.Thread(target=_listen if host == 0 else _report, args=tasks, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _listen(coordinator: str, host: int, present: set[int], over: threading.Event) -> None:
    """Add the hosts that report to those that are present."""
    with contextlib.suppress(OSError), _line(coordinator) as (line, (_, port, *_)):
        line.bind(("", port))
        while not over.is_set():
            with contextlib.suppress(TimeoutError, ValueError):
                present.add(int(line.recv(16)))


def _report(coordinator: str, host: int, present: set[int], over: threading.Event) -> None:
    """Report to host 0."""
    with contextlib.suppress(OSError), _line(coordinator) as (line, place):
        while not over.wait(EVERY):
            with contextlib.suppress(OSError):  # as nobody listens yet
                line.sendto(str(host).encode(), place)


@contextlib.contextmanager
def _line(coordinator: str) -> Iterator[tuple[socket.socket, tuple]]:
    """Yield a socket for datagrams and the coordinator's address."""
    name, _, port = coordinator.rpartition(":")
    family, *_, place = socket.getaddrinfo(name.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.settimeout(EVERY)
        yield line, place
