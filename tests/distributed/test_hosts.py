"""Hosts that do not join, or cannot, are named in a sentence. (What they compute: test_devices.)"""

import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from training.distributed.hosts import HostOptions, join, on_main, tell, tell_text

from .test_devices import free_port

JOIN = "import sys; from training.distributed.hosts import HostOptions, join; "
JOIN += "join(HostOptions(True, sys.argv[1], 3, int(sys.argv[2])), timeout=float(sys.argv[3]))"


def joining(port, host, timeout):
    words = [sys.executable, "-c", JOIN, f"localhost:{port}", str(host), str(timeout)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_the_host_that_never_joins_is_named():
    port = free_port()
    hosts = [joining(port, host, timeout) for host, timeout in ((0, 15), (2, 40))]
    said, _ = hosts[0].communicate(timeout=60)
    assert hosts[0].returncode == 1
    assert said.splitlines()[-1].startswith("error: host 1 did not join within 15 s."), said
    hosts[1].kill()
    hosts[1].communicate()


def test_a_host_without_the_others_says_where_it_looked():
    port = free_port()
    said, _ = joining(port, 1, 2).communicate(timeout=60)
    line = said.splitlines()[-1]
    assert line.startswith("error: another host did not join within 2 s. This is host 1;")
    assert f"host 0 is localhost:{port}" in line


def test_a_port_that_is_taken_is_said():
    with socket.socket(socket.AF_INET6) as line:
        line.bind(("::", 0))
        line.listen()
        port = line.getsockname()[1]
        said, _ = joining(port, 0, 30).communicate(timeout=60)
    assert f"port cannot be used (localhost:{port}: [Errno" in said and "in use" in said
    assert said.rstrip().endswith("name another one, on all hosts.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (HostOptions(hosts=2), "are for --distributed; add it"),
        (HostOptions(True, hosts=2), "go together; give all three, or none"),
        (HostOptions(True, "localhost", 2, 0), "must be HOST:PORT, got 'localhost'"),
    ],
)
def test_options_that_do_not_go_together_are_said(options, said):
    with pytest.raises(ValueError, match=said):
        join(options)


@pytest.mark.quick
def test_one_host_tells_itself_what_it_has():
    join(HostOptions())
    tree = {"a": jax.numpy.ones(3), "b": np.zeros((), np.int32)}
    assert tell(tree) is tree and tell_text("Zürich") == "Zürich"
    assert on_main(lambda: "made") == "made"


def test_an_error_of_host_0_is_raised():
    def fail():
        raise ValueError("it cannot")

    with pytest.raises(ValueError, match="it cannot"):
        on_main(fail)
