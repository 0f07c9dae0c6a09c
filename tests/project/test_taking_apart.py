"""A run taken apart: each moment of it is in one part, and the parts are the whole."""

import dataclasses
import re
import sys
import types

import pytest

from benchmarks import run, watched
from benchmarks.stopwatch import REST, Part, Stopwatch, Watch

from ..tiny import SMALL

BESIDE = {"scenes to score", "drawing scenes"}  # in threads


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def seconds(stopwatch):
    stopwatch.settle()
    return {name: part.seconds for name, part in stopwatch.parts.items()}


def test_time_is_in_the_innermost_part_and_all_of_it_in_some(clock):
    stopwatch = Stopwatch(clock)
    clock.now = 1
    with stopwatch.part("report"):
        clock.now = 3
        with stopwatch.part("scores"):
            clock.now = 7
            with stopwatch.part("report"):  # it comes again, inside of another
                clock.now = 15
        clock.now = 31
    clock.now = 63
    assert seconds(stopwatch) == {REST: 33, "report": 2 + 8 + 16, "scores": 4}
    assert sum(seconds(stopwatch).values()) == clock.now
    assert {name: part.times for name, part in stopwatch.parts.items()} == {
        REST: 0, "report": 2, "scores": 1
    }  # fmt: skip


def test_a_part_that_ends_in_an_error_is_over(clock):
    stopwatch = Stopwatch(clock)
    with pytest.raises(KeyError), stopwatch.part("steps"):
        clock.now = 2
        raise KeyError
    clock.now = 5
    assert seconds(stopwatch) == {REST: 3, "steps": 2}


def test_what_is_compiled_inside_of_what_is_traced_counts_once(clock):
    stopwatch = Stopwatch(clock)
    with stopwatch.part("steps"):
        clock.now = 100
        for kind, *span in [
            ("tracing", 2, 5), ("compiling", 6, 16), ("tracing", 1, 20), ("compiling", 30, 70)
        ]:  # fmt: skip
            stopwatch.add_span(kind, *span)
    assert stopwatch.parts["steps"] == Part(100, tracing=3 + 6, compiling=50, times=1)


def test_functions_are_timed_as_they_are_called_and_items_as_they_are_made(clock, monkeypatch):
    def wait(count):
        clock.now += count
        return count

    def begin(count):
        clock.now += count
        return lambda: wait(2 * count)

    def count_up(ends):
        for number in range(3):
            wait(10)
            yield number
        ends.append("closed")

    class Room:
        door = wait

    module = types.SimpleNamespace(wait=wait, begin=begin, count_up=count_up, Room=Room)
    monkeypatch.setitem(sys.modules, "a_room", module)
    stopwatch, ends = Stopwatch(clock), []
    watch = Watch(stopwatch, [], [])
    parts = {"waits": ("a_room:wait", "a_room:Room.door"), "batches": ("a_room:count_up",)}
    parts |= {"later": ("a_room:begin",)}
    with watch.watching(parts):
        assert module.wait(3) == 3 and module.Room.door(4) == 4
        assert module.begin(1000)() == 2000
        for number in module.count_up(ends):
            clock.now += 100 + number
    assert seconds(stopwatch) == {REST: 303, "waits": 7, "batches": 30, "later": 3000}
    assert ends == ["closed"]
    assert (module.wait, module.count_up, module.Room.door) == (wait, count_up, wait)


def test_the_rows_of_the_table_sum_to_the_whole():
    parts = {"imports": Part(1.0), "steps": Part(6.0, 1.0, 2.0, 20), REST: Part(0.5)}
    beside = {"drawing scenes": Part(9.0, 0.25, 0.5, 4)}
    record = dict(
        parts={name: dataclasses.asdict(part) for name, part in parts.items()},
        beside={name: dataclasses.asdict(part) for name, part in beside.items()},
        programs={"jit(step)": [1.5], "jit(copy)": [0.25, 0.25]},
    )
    said = run.format_parts(record, 8.0, 12.0)
    rows = {line[:22].strip(): line[22:].split() for line in said.splitlines()}
    assert rows["steps"] == ["6.00", "75.0%", "3.00", "1.00", "2.00", "20"]
    assert rows[run.AROUND] == ["0.50", "6.2%", "0.50", "0.00", "0.00"]
    assert rows["the whole"] == ["8.00", "100.0%", "5.00", "1.00", "2.00"]
    assert rows["drawing scenes"] == ["9.00", "8.25", "0.25", "0.50", "4"]
    assert "jit(copy): 0.25 + 0.25" in said and "12.00 s of all cores" in said


@pytest.mark.slow
def test_all_parts_of_a_run_are_named(capfd):
    """Whatever is renamed in training would be missed here, or be of the rest."""
    with pytest.raises(SystemExit) as ended:
        run.main(SMALL)
    said = capfd.readouterr().out.partition("\nrun: ")[2]
    assert ended.value.code == 0
    rows = dict(re.findall(r"^(\S.*?)  +([\d.]+)  +[\d.]+%", said, re.M))
    whole = float(rows.pop("the whole"))
    assert set(rows) == {watched.IMPORTS, *watched.PARTS, REST, run.AROUND} - BESIDE
    assert sum(map(float, rows.values())) == pytest.approx(whole, abs=0.1)
    assert float(rows[REST]) < whole / 5
    assert set(re.findall(r"^(\w.*?)  +[\d.]+  ", said.partition("beside")[2], re.M)) >= BESIDE
    assert "jit(train_step): " in said


def test_a_mistake_is_said_and_no_table(capfd):
    with pytest.raises(SystemExit) as ended:
        run.main(["--dataset", "nothing"])
    out, error = capfd.readouterr()
    assert ended.value.code and "nothing" in error and "the whole" not in out
