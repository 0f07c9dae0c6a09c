"""How far a mirror is: a bar that guesses the end from how much of the source is read."""

import collections
from collections.abc import Iterator

from tqdm import tqdm

from .sources import Record
from .sources.rows import Row

Made = tuple[Record, Row | None]


def _remember(row: Row, samples: list[Row], most: int) -> None:
    """Add a row to the first ones, of which one without a mask makes room for one that has it."""
    blank = next((place for place, other in enumerate(samples) if not other["has_mask"]), None)
    if len(samples) < most:
        samples.append(row)
    elif row["has_mask"] and blank is not None:
        samples[blank] = row


class Progress:
    """A bar of rows, `done` of which were there before; and the first ones of each split."""

    def __init__(self, dataset: str, done: int) -> None:
        self._bar = tqdm(initial=done, unit="row", dynamic_ncols=True, desc=dataset)
        self._done = done
        self._first: float | None = None  # the part of the source that was behind the first record
        self.samples: dict[str, list[Row]] = collections.defaultdict(list)

    def watch(self, made: Iterator[Made], samples: int) -> Iterator[Made]:
        """The same, shown on the bar as they are taken; so many rows of a split are remembered."""
        for record, row in made:
            if row is not None:
                _remember(row, self.samples[record.split], samples)
            self._show(record.part, int(row is not None))
            yield record, row

    def _show(self, part: float, rows: int) -> None:
        bar = self._bar
        self._first = part if self._first is None else self._first
        bar.n += rows
        if part > self._first:
            share = (part - self._first) / (1 - self._first)
            bar.total = round(self._done + (bar.n - self._done) / share)
        bar.update(0)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._bar.total = self._bar.n
        self._bar.close()
