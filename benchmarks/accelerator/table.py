"""A table that is written anew after every measurement, and measurements that know their time."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hub.common.errors import reason
from hub.common.files import atomic_file

NOT_YET, OUT_OF_TIME = "not measured yet", "not run: out of time"
LEAST = 20.0  # seconds that a measurement takes, as far as is known before the first of its kind

Value = float | str
Measured = Iterator[tuple[str, Value]]


@dataclasses.dataclass(frozen=True)
class Row:
    """What is measured of one thing.

    - `measure`: returns an iterator over titles of columns, each with what was measured: a number,
      or a sentence that says why there is none.
    """

    name: str
    measure: Callable[[], Measured]


@dataclasses.dataclass(frozen=True)
class Section:
    """Rows of one kind.

    - `about`: sentences that say what the columns are.
    - `columns`: titles of all columns, with their units.
    """

    title: str
    about: str
    columns: tuple[str, ...]
    rows: Sequence[Row]


class Budget:
    """The time that all measurements may take.

    - `clock`: returns seconds, from whatever time on.
    """

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic):
        self._clock, self._start, self._seconds = clock, clock(), 60 * minutes

    @property
    def spent(self) -> float:
        """Seconds that have passed."""
        return self._clock() - self._start

    @property
    def left(self) -> float:
        """Seconds that are left; negative where there are none."""
        return self._seconds - self.spent


class Table:
    """What was measured so far: in `table.md` for people, in `table.json` for programs.

    Both are written anew, and atomically, with every cell, so that they are whole however the
    program ends.

    - `head`: what was measured with, and when, by name; the first line of `table.md`.
    """

    def __init__(self, folder: Path, head: Mapping[str, str], sections: Sequence[Section]):
        self.folder, self._head, self._sections = folder, head, sections
        self._cells: dict[tuple[str, str], dict[str, Value]] = {
            (section.title, row.name): {} for section in sections for row in section.rows
        }
        self._write()

    def put(self, section: Section, row: Row, column: str, value: Value) -> None:
        """Fill a cell."""
        assert column in section.columns, f"{section.title} has no column {column}"
        self._cells[section.title, row.name][column] = value
        self._write()

    def missing(self, section: Section, row: Row) -> list[str]:
        """Return the columns of a row that are still empty."""
        found = self._cells[section.title, row.name]
        return [column for column in section.columns if column not in found]

    def line(self, section: Section, row: Row) -> str:
        """Return a row in Markdown."""
        found = self._cells[section.title, row.name]
        values = [found.get(column, "") for column in section.columns] if found else [NOT_YET]
        values += [""] * (len(section.columns) - len(values))
        return f"| {' | '.join((row.name, *map(_text, values)))} |"

    def markdown(self) -> str:
        """Return the whole table, a table of Markdown for every section."""
        lines = [", ".join(self._head.values())]
        for section in self._sections:
            lines += ["", f"### {section.title}", "", section.about, ""]
            lines += [f"| {' | '.join(('', *section.columns))} |"]
            lines += ["|---" * (1 + len(section.columns)) + "|"]
            lines += [self.line(section, row) for row in section.rows]
        return "\n".join(lines) + "\n"

    def record(self) -> dict[str, object]:
        """Return the head, and numbers and sentences by section, row and column, as JSON types."""
        sections: dict[str, dict[str, dict[str, Value]]] = {}
        for (section, row), found in self._cells.items():
            sections.setdefault(section, {})[row] = found
        return {**self._head, "sections": sections}

    def _write(self) -> None:
        with atomic_file(self.folder / "table.md") as temporary:
            temporary.write_text(self.markdown(), "utf-8")
        with atomic_file(self.folder / "table.json") as temporary:
            temporary.write_text(json.dumps(self.record(), indent=2) + "\n", "utf-8")


def fill(table: Table, sections: Sequence[Section], budget: Budget) -> None:
    """Measure all rows, in order, and print each. An error of one ends no other.

    A row is begun only if the time that is left is more than the longest of its section so far has
    taken; else it says that there was no time.
    """
    for section in sections:
        longest = LEAST
        for row in section.rows:
            start = budget.spent
            if budget.left <= longest:
                table.put(section, row, section.columns[0], OUT_OF_TIME)
            else:
                _measure(table, section, row)
            longest = max(longest, budget.spent - start)
            print(f"{budget.spent:4.0f} s  {section.title}  {table.line(section, row)}", flush=True)


def _measure(table: Table, section: Section, row: Row) -> None:
    try:
        for column, value in row.measure():
            table.put(section, row, column, value)
    except Exception as error:
        if missing := table.missing(section, row):
            table.put(section, row, missing[0], sentence(error))


def sentence(error: Exception) -> str:
    """Return what a cell says of an error."""
    said = reason(error)
    if "RESOURCE_EXHAUSTED" in said or isinstance(error, MemoryError):
        return "failed: out of memory"
    return f"failed: {said if len(said) <= 120 else said[:119] + '…'}"


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value.replace("|", "\\|")
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
