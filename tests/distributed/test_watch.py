"""A host whose process ends is noticed at once; one that leaves, or a stranger, is no loss."""

import contextlib
import socket
import threading

import pytest

from training.distributed.watch import watch_hosts


class Hosts:
    """Two hosts of one process: what host 0 tells, and what they have lost."""

    def __init__(self):
        self.told = ""
        self.losses: list[str] = []
        self.noticed = threading.Event()

    def tell(self, text: str) -> str:
        self.told = text or self.told
        return self.told

    def lost(self, reason: str) -> None:
        self.losses.append(reason)
        self.noticed.set()

    def host(self, number: int):
        return watch_hosts(number, self.tell, self.lost)

    def connect(self, token: str | None = None) -> socket.socket:
        """A connection as host 1 has it, which ends as a killed process's does: without a word."""
        _, port, true_token = self.told.split()
        line = socket.create_connection(("localhost", int(port)))
        line.sendall(f"{token or true_token} 1\n".encode())
        assert line.recv(10) == (b"" if token else b"hello\n")
        return line


@pytest.fixture
def hosts(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    return Hosts()


def test_a_host_that_ends_is_noticed(hosts):
    with hosts.host(0):
        hosts.connect().close()
        assert hosts.noticed.wait(10)
    assert hosts.losses == ["the process of host 1 has ended"]


@pytest.mark.parametrize("answer", ["hello\n", "HTTP/1.1 400\n"])
def test_host_0_is_missed_by_the_others(hosts, answer):
    """But not what answers there in its place."""

    def answered():
        line, _ = server.accept()
        assert line.makefile().readline() == "token 1\n"
        line.sendall(answer.encode())
        with contextlib.suppress(OSError):  # where the other has left
            line.shutdown(socket.SHUT_RDWR)
        line.close()

    with socket.create_server(("localhost", 0)) as server:
        hosts.told = f"localhost {server.getsockname()[1]} token"
        for _ in range(2):  # as both names are this machine's
            threading.Thread(target=answered, daemon=True).start()
        with hosts.host(1):
            assert hosts.noticed.wait(3 if answer == "hello\n" else 0.3) == (answer == "hello\n")
    assert hosts.losses == ["the process of host 0 has ended"] * (answer == "hello\n")


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("how", [None, KeyboardInterrupt, SystemExit])
def test_a_host_that_leaves_is_no_loss(hosts, first, how):
    """In either order, and by what ends a program."""
    with contextlib.ExitStack() as second:
        leaving = contextlib.ExitStack()
        for number in (0, 1):
            (leaving if number == first else second).enter_context(hosts.host(number))
        with contextlib.suppress(KeyboardInterrupt, SystemExit), leaving:
            if how:
                raise how
        assert not hosts.noticed.wait(0.3)
    assert not hosts.losses


def test_a_stranger_is_no_host(hosts):
    with hosts.host(0):
        hosts.connect("another").close()
        with hosts.connect() as line:
            line.sendall(b"bye\n")
        assert not hosts.noticed.wait(0.3)
    assert not hosts.losses
