"""Reads the rows of a mirror with `datasets`: in order, or shuffled without end."""

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Int
from pyarrow import ArrowException

from hub.common.errors import translate_hub_errors
from hub.common.lfs import check_is_here
from hub.mirror import MANIFEST, ROW_GROUP_SIZE, Row, features

from .mirrored import Mirror
from .scenes import Place
from .shuffling import epoch_order, host_rows

if TYPE_CHECKING:
    from pyarrow import Table

SCORED_COLUMNS = "image", "mask", "index"  # of the columns; the others are not even fetched
TRAINED_COLUMNS = "image", "index"


def read_rows(
    mirror: Mirror, split: str, max_rows: int | None = None, columns: Sequence[str] = SCORED_COLUMNS
) -> Iterator[Row]:
    """Iterate over the first `max_rows` rows of a split in the mirror's order, not decoded.

    Raises a `ValueError` that lists the splits if there is no such split, or that names a damaged
    file; a `ConnectionError` if the Hub does not answer.
    """
    found = _Files(mirror, split, max_rows, columns)
    return found.read(range(len(found.counts)))


def stream_rows(
    mirror: Mirror, split: str, max_rows: int | None, place: Place
) -> Generator[Row, None, None]:
    """Iterate over a host's shuffled rows without end. Errors: as of `read_rows`.

    The order, another one in each epoch, is that of `epoch_order`. So a stream that starts after
    some steps continues the one that had them, and reads only files of which rows are left. Each
    row of an epoch goes to one of the hosts, whose epochs end a row apart where they do not divide
    the rows.
    """
    found = _Files(mirror, split, max_rows, TRAINED_COLUMNS)
    rows = len(host_rows(sum(found.counts), place.host, place.hosts))
    if not rows:
        raise ValueError(f"{mirror.name} has too few rows of {split} for {place.hosts} hosts.")
    epoch, done = divmod(place.step * (place.batch_size // place.hosts), rows)
    while True:
        files, order = epoch_order(found.counts, place.seed, epoch, place.host, place.hosts)
        left = order[done:]
        first = int(min(left))
        yield from _reorder(found.read(files, first), first, left)
        epoch, done = epoch + 1, 0


def _reorder(coming: Iterator[Row], first: int, order: Int[np.ndarray, " n"]) -> Iterator[Row]:
    """Reorder rows: `order` has their numbers, the first that comes being number `first`."""
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
    """The first `max_rows` rows of a split, file by file; `counts` are the rows of each file."""

    def __init__(self, mirror: Mirror, split: str, max_rows: int | None, columns: Sequence[str]):
        from datasets import IterableDataset, NamedSplit
        from datasets.data_files import DataFilesDict, DataFilesList
        from pyarrow.dataset import ParquetFragmentScanOptions

        self.counts = mirror.counts(split, max_rows)
        self._files = list(mirror.files[split].items())
        # As they are: a name may look like a pattern, and `run[1]` would be read as `run1`.
        paths = DataFilesList([name for name, _ in self._files], [])
        with _name_in_errors(mirror.name):
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
        """Iterate over the rows of these files, in this order, skipping the first `first`."""
        for file in files:
            start, first = min(first, self.counts[file]), max(first - self.counts[file], 0)
            if start < self.counts[file]:
                yield from self._read(file, start)

    def _read(self, file: int, start: int) -> Iterator[Row]:
        name, count = self._files[file]
        shard = self._found.shard(len(self._files), file).skip(start)
        number, end = start, self.counts[file]
        with _name_in_errors(name):
            for table in cast("Iterator[Table]", shard.iter(ROW_GROUP_SIZE)):
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
def _name_in_errors(what: str) -> Iterator[None]:
    """Name the file or mirror in errors of the block, and what to do."""
    try:
        yield
    except Exception as error:
        # What pyarrow finds is of no kind of its own; what the network does always is.
        if isinstance(error, ArrowException | FileNotFoundError) or type(error) is OSError:
            check_is_here(Path(what))
            raise ValueError(
                f"{what} is damaged or gone ({error}); if it stays so, make it again."
            ) from error
        with translate_hub_errors(f"reading {what}", f"{what} is not there, or not for this user"):
            raise
