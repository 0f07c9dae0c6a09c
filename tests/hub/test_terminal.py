"""Nothing that is printed can end a program: not where it goes, nor what it is."""

import errno
import io
import os
import runpy
import subprocess
import sys

import pytest

from hub.common import terminal
from hub.common.errors import exit_with_message
from hub.common.terminal import ResilientStream, printable, progress_bar, resilient_output, say

from ..ended import broken_pipe, full_device

LOST = {"pipe": (broken_pipe, errno.EPIPE), "disk": (full_device, errno.ENOSPC)}


@pytest.fixture(params=LOST)
def lost(request):
    """A stream that cannot be written to, and the number of its error."""
    make, number = LOST[request.param]
    with make() as stream:
        yield stream, number


def test_a_stream_drops_what_its_reader_will_never_have(lost):
    stream, number = lost
    ours = ResilientStream(stream)
    for _ in range(3):
        assert ours.write("a line\n") == 7
        ours.writelines(["another\n"])
        ours.flush()
        print("a third", file=ours)
    assert ours.lost.errno == number


def test_bars_and_lines_above_them_outlive_their_terminal(lost, monkeypatch):
    monkeypatch.setattr(sys, "stderr", lost[0])
    for item in progress_bar(iterable=range(3), mininterval=0):
        say(f"item {item}")
    monkeypatch.setattr(sys, "stderr", None)  # as without a console
    assert list(progress_bar(iterable=range(3), total=3)) == [0, 1, 2]
    say("to nobody")


def test_a_command_goes_on_without_its_reader_and_says_that_a_disk_is_full(lost, monkeypatch):
    stream, number = lost
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    done, code = [], None
    try:
        with resilient_output():
            for line in range(1000):
                print("a line of a long table")
                done.append(line)
    except SystemExit as ended:
        code = ended.code
    wanted = {
        errno.EPIPE: None,
        errno.ENOSPC: "error: standard output could not be written to (No space left on device).",
    }
    assert len(done) == 1000 and code == wanted[number]


def test_what_an_encoding_lacks_is_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with resilient_output():
        print("5×5", os.fsdecode(b"caf\xe9"))
    assert raw.getvalue() == rb"5\xd75 caf\udce9" + b"\n"


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    with pytest.raises(SystemExit) as ended, resilient_output():
        raise KeyboardInterrupt
    assert ended.value.code == 130 and said.getvalue() == "\nStopped.\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_closed_stream(closed, tmp_path):
    """A message to it, as of a library in C, would be written into that file."""
    program = tmp_path / "program.py"
    program.write_text(
        f"import os, runpy\nuse = runpy.run_path({terminal.__file__!r})['resilient_output']\n"
        "with use():\n"
        "    file = open('mine', 'w')\n"
        "    for descriptor in (1, 2):\n        os.write(descriptor, b'noise')\n"
        "    file.write('mine')\n    print('said')\n"
    )
    command = ["bash", "-c", f"exec {sys.executable} {program} {closed}"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_name_can_neither_break_a_sentence_nor_forge_one():
    assert printable("slot 日本 é.png") == "slot 日本 é.png"
    assert printable("a\nerror: b\x1b[2J\x9b") == r"a\nerror: b\x1b[2J\x9b"
    assert printable(os.fsdecode(b"caf\xe9.png")) == r"caf\udce9.png"
    said = pytest.raises(SystemExit, match=r"error: no \\x1b\[2J\nuse another$")
    with said, exit_with_message(ValueError):
        raise ValueError("no \x1b[2J\nuse another")


def test_the_module_needs_nothing_of_this_project():
    """It is the first that a command uses, and the last."""
    assert runpy.run_path(terminal.__file__)["printable"]("a") == "a"
