"""A progress bar that extrapolates the number of rows from the share of the source read so far."""

import collections
from collections.abc import Iterator

from ..common.terminal import progress_bar
from .sources import Record
from .sources.rows import Row

Made = tuple[Record, Row | None]


def _remember(row: Row, samples: list[Row], max_rows: int) -> None:
    """Collect the first rows; a later row with a mask replaces one without."""
    blank = next((place for place, other in enumerate(samples) if not other["has_mask"]), None)
    if len(samples) < max_rows:
        samples.append(row)
    elif row["has_mask"] and blank is not None:
        samples[blank] = row


class Progress:
    """A progress bar over rows, which also collects the first rows of each split as `samples`.

    - `done`: rows that were written before.
    """

    def __init__(self, dataset: str, done: int) -> None:
        self._bar = progress_bar(initial=done, unit="row", desc=dataset)
        self._done = done
        self._first: float | None = None  # the part of the source that was behind the first record
        self.samples: dict[str, list[Row]] = collections.defaultdict(list)

    def watch(self, made: Iterator[Made], samples: int) -> Iterator[Made]:
        """Iterate over `made`, updating the bar and collecting `samples` rows of each split."""
        for record, row in made:
            if row is not None:
                _remember(row, self.samples[record.split], samples)
            self._show(record.fraction, int(row is not None))
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
