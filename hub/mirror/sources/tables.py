"""Images of one's own in tables, of whatever kind: which rows are of which split."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...common.image_file import decode_image_file, decode_label_file
from .columns import Columns
from .held_out import HELD_OUT
from .image_row import Picture, make_image_row
from .names import SPLITS
from .records import Record
from .understood import Understood

TENTH = "held out: every tenth of the first 1,000 rows"
Cells = tuple[str, Any, Any]  # the name of a row, and what it has in the columns taken
Read = Callable[[Any], bytes | None]


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of a split: a function that iterates over them, and their number if it is known."""

    rows: Callable[[], Iterable[Cells]]
    count: int | None


@dataclasses.dataclass(frozen=True)
class Tables:
    """Tables of images by their split.

    - `read`: function from a cell to the bytes of an image file in it, `None` if it is empty.
    - `understood`: what is said of them before.
    - `files`: the parquet files, each after its split; none of a repo.
    """

    splits: Mapping[str, Table]
    columns: Columns
    read: Read
    understood: Understood
    files: Sequence[tuple[str, Path]] = ()

    @property
    def count(self) -> int:
        """The number of rows, as far as it is known before."""
        return sum(table.count or 0 for table in self.splits.values())

    def records(self, keep_aspect: bool) -> Iterator[Record]:
        """Iterate over the images, split after split.

        - `keep_aspect`: keep all of an image, not the square in its middle.
        """
        number, total = 0, self.count or 10**6
        for split, is_held_out, table in self._parts():
            for place, (name, image, labels) in enumerate(table.rows()):
                if is_held_out is not None and _is_tenth(place) != is_held_out:
                    continue
                read = functools.partial(self._picture, name, image, labels)
                make = functools.partial(make_image_row, name, number, read, keep_aspect)
                yield Record(name, split, min(number / total, 1.0), make)
                number += 1

    def _parts(self) -> Iterator[tuple[str, bool | None, Table]]:
        """Iterate over splits: whether only rows that are held out, or only others, are of them."""
        for split in SPLITS:
            if split in self.splits:
                is_divided = split == "train" and "validation" not in self.splits
                yield split, False if is_divided else None, self.splits[split]
            elif split == "validation":
                first = functools.partial(_first, self.splits["train"])
                yield split, True, Table(first, None)

    def _picture(self, name: str, image: Any, labels: Any) -> Picture:
        """Return image and label map. Raises a `ValueError` that names the row if it is broken."""
        try:
            data, masks = self.read(image), self.read(labels)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if data is None:
            raise ValueError(f"{name} is empty: there is nothing in column {self.columns.image}.")
        pixels = decode_image_file(data, name)
        return Picture(pixels, None if masks is None else decode_label_file(masks, name), data)


def make_tables(
    splits: Mapping[str, Table], columns: Columns, read: Read, unused: Mapping[str, Sequence[str]]
) -> Tables:
    """Return tables with what is said of them. Raises a `ValueError` if there are too few rows."""
    counts = {split: table.count for split, table in splits.items()}
    held_out, train = "", counts["train"]
    if "validation" not in counts:
        held_out = TENTH
        if train is not None:
            if train < 2:
                raise ValueError("two images are wanted, to train on and to validate on; got one.")
            tenth = len(range(0, min(train, 10 * HELD_OUT), 10))
            counts |= {"train": train - tenth, "validation": tenth}
        else:
            counts["validation"] = None
    labels = {} if columns.labels is None else {f"in column {columns.labels}": None}
    unused = {**columns.unused, **unused}
    understood = Understood(counts, held_out, labels, columns.image, (), unused)
    return Tables(splits, columns, read, understood)


def to_train_on(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the splits have, under `train` if there is only one. Raises a `ValueError` if
    there are several and none is `train`.
    """
    if len(named) == 1:
        return {"train": next(iter(named.values()))}
    if "train" not in named:
        raise ValueError(f"no split to train on; there are {', '.join(named)}.")
    return dict(named)


def bytes_of(cell: Any) -> bytes | None:
    """Return the bytes of an image file in a cell, `None` if it is empty.

    Raises a `ValueError` if it only names a file or an address: what a table of a stranger's names
    is never read.
    """
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if data is None and isinstance(cell, dict) and cell.get("path"):
        raise ValueError(
            f"it only names a file, {cell['path']!r:.60}, which is not read; the image itself has "
            "to be in the table."
        )
    return data


def _is_tenth(place: int) -> bool:
    # How many rows there are is not always known before.
    return place % 10 == 0 and place < 10 * HELD_OUT


def _first(table: Table) -> Iterator[Cells]:
    """Iterate over the rows of which some are held out."""
    return itertools.islice(table.rows(), 10 * HELD_OUT)
