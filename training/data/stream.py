"""The rows of a mirror through `datasets`: in order, or shuffled without end."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Int
from pyarrow import ArrowException

from hub.common.errors import explained
from hub.mirror import GROUP, MANIFEST, Row, features

from .mirrored import Mirror
from .scenes import Cursor
from .shuffling import epoch_order

if TYPE_CHECKING:
    from pyarrow import Table

LOOKED_AT = "image", "mask", "index"  # of the columns; the others are not even fetched
TRAINED_ON = "image", "index"


def rows(
    mirror: Mirror, split: str, most: int | None = None, columns: Sequence[str] = LOOKED_AT
) -> Iterator[Row]:
    """The first `most` rows of a split, pictures not decoded, in the order of their source.

    Raises a `ValueError` with the splits there are for one that is not there, or with the file
    that is damaged; a `ConnectionError` if the Hub does not answer.
    """
    found = _Files(mirror, split, most, columns)
    return found.read(range(len(found.counts)))


def shuffled(
    mirror: Mirror,
    split: str,
    most: int | None,
    seed: int,
    cursor: Cursor,
    *,
    host: int = 0,
    hosts: int = 1,
) -> Iterator[tuple[Row, Cursor]]:
    """Rows without end, of `TRAINED_ON`, in another order every epoch, each with the cursor after
    it; errors as of `rows`.

    The order is `epoch_order`'s, so a stream that begins at such a cursor goes on as the one it
    came from did, and reads no file again of which nothing is left. Of several hosts each gets a
    part of every epoch, and no row goes to two.
    """
    found = _Files(mirror, split, most, TRAINED_ON)
    if sum(found.counts) < hosts:
        raise ValueError(f"{mirror.name} has too few rows of {split} for {hosts} hosts.")
    epoch, done = cursor.epoch, cursor.row
    while True:
        files, order = epoch_order(found.counts, seed, epoch, host, hosts)
        left = order[done:]
        first = int(min(left, default=0))
        for row in _handed(found.read(files, first), first, left):
            done += 1
            yield row, Cursor(epoch, done)
        epoch, done = epoch + 1, 0


def _handed(coming: Iterator[Row], first: int, order: Int[np.ndarray, " n"]) -> Iterator[Row]:
    """Rows in this order of their places, the first of which is where they come from."""
    is_left = np.zeros(1 + max(order, default=0), bool)
    is_left[order] = True
    held: dict[int, Row] = {}
    numbered = enumerate(coming, start=first)
    for place in order.tolist():
        while place not in held:
            number, row = next(numbered)
            if is_left[number]:
                held[number] = row
        yield held.pop(place)


class _Files:
    """The first so many rows of a split, file by file; `counts` has how many each file gives."""

    def __init__(self, mirror: Mirror, split: str, most: int | None, columns: Sequence[str]):
        from datasets import IterableDataset, NamedSplit
        from datasets.data_files import DataFilesDict, DataFilesList
        from pyarrow.dataset import ParquetFragmentScanOptions

        self.counts = mirror.counts(split, most)
        self._files = list(mirror.files[split].items())
        # As they are: a name may look like a pattern, and `run[1]` would be read as `run1`.
        paths = DataFilesList([name for name, _ in self._files], [])
        with _naming(mirror.name):
            # Unlike `load_dataset`, this does not look a server up to count what is in a folder.
            found = IterableDataset.from_parquet(
                DataFilesDict({split: paths}),  # pyright: ignore[reportArgumentType]
                NamedSplit(split),
                features(),
                columns=list(columns),
                fragment_scan_options=ParquetFragmentScanOptions(page_checksum_verification=True),
            )
        # Tables of rows, as `datasets` takes its time over a single one.
        self._found = found.decode(False).with_format("arrow")

    def read(self, files: Iterable[int], first: int = 0) -> Iterator[Row]:
        """The rows of the files in this order, but for the first so many."""
        for file in files:
            start, first = min(first, self.counts[file]), max(first - self.counts[file], 0)
            if start < self.counts[file]:
                yield from self._read(file, start)

    def _read(self, file: int, start: int) -> Iterator[Row]:
        name, count = self._files[file]
        shard = self._found.shard(len(self._files), file).skip(start)
        number, end = start, self.counts[file]
        with _naming(name):
            for table in cast("Iterator[Table]", shard.iter(GROUP)):
                yield from table.to_pylist()[: end - number]
                number += len(table)
                if number > end:
                    break
        if number < end or number > count:
            came = number if number < end else f"more than {count}"
            raise ValueError(
                f"{name} has {came} rows, not {count} as {MANIFEST} says; make the mirror again."
            )


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say what is wrong with this file or mirror, and what to do."""
    try:
        yield
    except Exception as error:
        # What pyarrow finds is of no kind of its own; what the network does always is.
        if isinstance(error, ArrowException | FileNotFoundError) or type(error) is OSError:
            raise ValueError(
                f"{what} is damaged or gone ({error}); if it stays so, make it again."
            ) from error
        with explained(f"reading {what}", f"{what} is not there, or not for this user"):
            raise
