"""Several hosts: how they find each other, and what host 0 tells the others.

A host is a process of `jax.distributed`, usually one a node.
"""

import contextlib
import dataclasses
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from .roll_call import roll_call
from .watch import watch_hosts

JOIN_TIMEOUT = 300.0  # seconds
LOST = ("Gloo", "NCCL", "UNAVAILABLE", "oordination service")  # in errors of such an exchange


@dataclasses.dataclass(frozen=True)
class HostOptions:
    """One run on several hosts, each of which is given the same command.

    Attributes:
        distributed: Join the other hosts. JAX finds them under SLURM, Open MPI and Kubernetes, and
            on TPUs; elsewhere give the three options below.
        coordinator: HOST:PORT of host 0, with any free port.
        hosts: Number of hosts.
        host: Number of this host, from 0.
    """

    distributed: bool = False
    coordinator: str | None = None
    hosts: int | None = None
    host: int | None = None


def is_main() -> bool:
    """Return whether this is host 0, which alone writes files."""
    return jax.process_index() == 0


def join(options: HostOptions, timeout: float = JOIN_TIMEOUT) -> None:
    """Join the other hosts, before JAX computes anything.

    Raises a `ValueError` if the options do not say which host this is, or if the coordinator's port
    is taken. Ends the program if not all have joined after `timeout` seconds.
    """
    given = (options.coordinator, options.hosts, options.host)
    if not options.distributed:
        if any(value is not None for value in given):
            raise ValueError("--coordinator, --hosts and --host are for --distributed; add it.")
        return
    if any(value is not None for value in given) and None in given:
        raise ValueError(
            "--coordinator HOST:PORT, --hosts and --host go together; give all three, or none "
            "where JAX finds the hosts."
        )
    if options.coordinator and not options.coordinator.rpartition(":")[2].isdecimal():
        raise ValueError(f"--coordinator must be HOST:PORT, got {options.coordinator!r}.")
    if options.coordinator and options.host == 0:
        _check_port(options.coordinator)
    with roll_call(*given, timeout):
        try:
            jax.distributed.initialize(
                *given, initialization_timeout=2 * int(timeout) + 60, heartbeat_timeout_seconds=30
            )
        except (RuntimeError, ValueError) as error:  # of JAX, or of its runtime
            raise ValueError(f"the hosts cannot join: {error}") from error


def _check_port(coordinator: str) -> None:
    """Raise a `ValueError` if the port is taken, which JAX's runtime may crash on."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        place = ("", int(coordinator.rpartition(":")[2]))
        socket.create_server(place, family=family, dualstack_ipv6=both).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"the coordinator's port cannot be used ({coordinator}: {error}); name another one, on "
            "all hosts."
        ) from error


@contextlib.contextmanager
def exit_if_one_is_lost(advice: str) -> Iterator[None]:
    """End the program with one sentence, and this advice, if another host is lost.

    That is: its process ends, or an exchange with it fails. A checkpoint that is being written then
    is not finished. If host 0 is lost, or a machine as a whole, JAX may end the program first,
    within 30 seconds and by its own words.
    """
    if jax.process_count() == 1:
        yield
        return
    first = threading.Lock()

    def end(reason: str) -> None:
        first.acquire()  # never released: the first to notice ends the program
        sys.stdout.flush()
        print(
            f"\nerror: host {jax.process_index()} has lost another host ({reason}); its log says "
            f"why. {advice}",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # an orderly end would wait for the lost host, and then abort

    with watch_hosts(jax.process_index(), tell_text, end):
        try:
            yield
        except jax.errors.JaxRuntimeError as error:
            if not any(sign in str(error) for sign in LOST):
                raise
            end(str(error).splitlines()[0])


def tell(tree: Any) -> Any:
    """Return the tree that host 0 has, bit for bit, on every host.

    - `tree`: of arrays, whose shapes and dtypes are the same on all hosts.
    """
    if jax.process_count() == 1:
        return tree
    arrays, structure = jax.tree.flatten(tree)
    arrays = [np.asarray(array) for array in arrays]
    as_bytes = [np.frombuffer(array.tobytes(), np.uint8) for array in arrays]
    told = multihost_utils.broadcast_one_to_all(as_bytes)
    found = [
        np.frombuffer(np.asarray(new).tobytes(), old.dtype).reshape(old.shape)
        for new, old in zip(told, arrays, strict=True)
    ]
    return jax.tree.unflatten(structure, found)


def tell_text(text: str) -> str:
    """Return the text that host 0 has, on every host."""
    content = np.frombuffer(text.encode(), np.uint8)
    size = int(tell(np.array(len(content))))
    return bytes(tell(np.resize(content, size) if size else content[:0])).decode()


def on_main(make: Callable[[], str]) -> str:
    """Return the text that host 0 makes, on every host.

    An error of host 0, a `ValueError` or an `OSError`, is raised on all of them.
    """
    made, failed = "", None
    if is_main():
        try:
            made = make()
        except (ValueError, OSError) as error:
            failed = error
    message = tell_text(f"{failed}" if failed else "")
    if failed:
        raise failed
    if message:
        raise ValueError(f"host 0 stopped: {message}")
    return tell_text(made)
