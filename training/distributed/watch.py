"""A lost host, noticed at once: a connection with it ends with its process.

JAX notices within 30 seconds, and aborts the program. An exchange with a lost host may fail before
that, or wait.
"""

import contextlib
import dataclasses
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE = 10.0  # seconds, for a connection and its first line
HELLO, BYE = "hello\n", "bye\n"


@contextlib.contextmanager
def watch_hosts(
    host: int, tell_text: Callable[[str], str], lost: Callable[[str], None]
) -> Iterator[None]:
    """Call `lost` with a reason, in a thread, if another host's process ends within this block.

    - `host`: number of this one.
    - `tell_text`: returns host 0's text on every host.

    Host 0 has a connection with each of the others, on a free port; one that cannot reach it is not
    watched. Leaving the block, by an exception too, is no loss.
    """
    with contextlib.ExitStack() as stack:
        if host == 0:
            watch = _Watch(secrets.token_hex(), lost)
            server = stack.enter_context(_server())
            tell_text(f"{socket.gethostname()} {server.getsockname()[1]} {watch.token}")
            _in_thread(watch.accept, server)
        else:
            name, port, token = tell_text("").split()
            watch = _Watch(token, lost)
            if line := _connect((name, "localhost"), int(port), f"{token} {host}\n"):
                watch.lines.append(stack.enter_context(line))
                _in_thread(watch.follow, line, 0)
        try:
            yield
        finally:
            watch.end()


@dataclasses.dataclass
class _Watch:
    """The connections of a host.

    Attributes:
        token: What host 0 told the others, so that no stranger counts as one.
        lost: Called with a reason.
        lines: The connections.
        over: Whether the block is left.
    """

    token: str
    lost: Callable[[str], None]
    lines: list[socket.socket] = dataclasses.field(default_factory=list)
    over: threading.Event = dataclasses.field(default_factory=threading.Event)

    def accept(self, server: socket.socket) -> None:
        """Follow each host that connects."""
        with contextlib.suppress(OSError):  # of a server that is closed
            while True:
                _in_thread(self.greet, server.accept()[0])

    def greet(self, line: socket.socket) -> None:
        """Follow the host of this connection, if it knows the token."""
        with line, contextlib.suppress(OSError):
            line.settimeout(PATIENCE)
            token, _, number = _read_line(line).rpartition(" ")
            if secrets.compare_digest(token.encode(), self.token.encode()):
                self.lines.append(line)  # so that it is told, if this host leaves right now
                line.sendall(HELLO.encode())
                self.follow(line, int(number))

    def follow(self, line: socket.socket, host: int) -> None:
        """Wait until the host says that it leaves the block, or its connection ends.

        One that the network breaks says nothing of the process; JAX notices what that means.
        """
        try:
            line.settimeout(None)
            said = _read_line(line)
        except OSError:
            return
        if said != BYE and not self.over.is_set():
            self.lost(f"the process of host {host} has ended")

    def end(self) -> None:
        """Say that this host leaves the block."""
        self.over.set()
        for line in self.lines:
            with contextlib.suppress(OSError):
                line.sendall(BYE.encode())


def _in_thread(function: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()


def _server() -> socket.socket:
    """Listen on a free port, for IPv4 and IPv6 where there are both."""
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    return socket.create_server(("", 0), family=family, dualstack_ipv6=both)


def _connect(names: tuple[str, ...], port: int, who: str) -> socket.socket | None:
    """Connect to the first of these names where host 0 answers to this line."""
    for name in names:
        with contextlib.suppress(OSError):
            line = socket.create_connection((name, port), timeout=PATIENCE)
            line.sendall(who.encode())
            if _read_line(line) == HELLO:
                return line
            line.close()
    return None


def _read_line(line: socket.socket) -> str:
    """Read to the end of a line, or of the connection."""
    said = b""
    while not said.endswith(b"\n") and len(said) < 200 and (more := line.recv(1)):
        said += more
    return said.decode(errors="replace")
