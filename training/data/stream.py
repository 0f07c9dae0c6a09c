"""The rows of a mirror through `datasets`: in order, or shuffled without end."""

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from pyarrow import ArrowException

from hub.errors import explained
from hub.rows import Row, features

from .mirrored import Mirror
from .scenes import Cursor

if TYPE_CHECKING:
    from datasets import IterableDataset

BUFFER = 1024  # rows among which the next one is drawn
LOOKED_AT = "image", "mask", "index"  # of the columns; the others are not even fetched
TRAINED_ON = "image", "index"


def rows(
    mirror: Mirror, split: str, most: int | None = None, columns: Sequence[str] = LOOKED_AT
) -> Iterator[Row]:
    """The first `most` rows of a split, pictures not decoded, in the order of their source.

    Raises a `ValueError` with the splits there are for one that is not there, or with the file
    that is damaged; a `ConnectionError` if the Hub does not answer.
    """
    return _read(_stream(mirror, split, most, columns), mirror.name)


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

    The order depends on `seed` and the epoch only, so a stream that begins at such a cursor goes on
    as the one it came from did; the rows of the epoch before it are read once more, not decoded.
    Of several hosts each gets a part of every epoch, and no row goes to two.
    """
    from datasets.distributed import split_dataset_by_node

    found = _stream(mirror, split, most, TRAINED_ON)
    part = split_dataset_by_node(found, rank=host, world_size=hosts)
    epoch, done = cursor.epoch, cursor.row
    while True:
        # A generator of its own, as `set_epoch` says nothing to what comes before a `skip`. One
        # shard at a time, as opening many at once costs seconds an epoch.
        mixed = part.shuffle(
            generator=np.random.default_rng((seed, epoch)),
            buffer_size=BUFFER,
            max_buffer_input_shards=1,
        )
        number = done
        for number, row in enumerate(_read(mixed.skip(done), mirror.name), start=done + 1):
            yield row, Cursor(epoch, number)
        if hosts == 1 and number != mirror.count(split, most):
            raise mirror.has_only(number, split)
        if number == 0:
            raise ValueError(f"{mirror.name} has too few rows of {split} for {hosts} hosts.")
        epoch, done = epoch + 1, 0


def _stream(
    mirror: Mirror, split: str, most: int | None, columns: Sequence[str]
) -> "IterableDataset":
    from datasets import load_dataset
    from pyarrow.dataset import ParquetFragmentScanOptions

    count = mirror.count(split, most)
    with _naming(mirror.name):
        found = load_dataset(
            "parquet",
            data_files={split: mirror.files[split]},
            split=split,
            streaming=True,
            features=features(),
            columns=list(columns),
            fragment_scan_options=ParquetFragmentScanOptions(page_checksum_verification=True),
        ).decode(False)
    return found.take(count) if count < mirror.rows[split] else found


def _read(stream: "IterableDataset", name: str) -> Iterator[Row]:
    with _naming(name):
        yield from stream


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say what is wrong with which file of a mirror, and what to do."""
    try:
        yield
    except Exception as error:
        file = _read_when(error) or name
        # What pyarrow finds is of no kind of its own; what the network does always is.
        if isinstance(error, ArrowException | FileNotFoundError) or type(error) is OSError:
            raise ValueError(
                f"{file} is damaged or gone ({error}); if it stays so, make it again."
            ) from error
        with explained(f"reading {file}", f"{file} is not there, or not for this user"):
            raise


def _read_when(error: Exception) -> str | None:
    """The file that `datasets` was reading when it happened, which not every error says."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "_generate_tables" and "file" in frame.f_locals:
            return str(frame.f_locals["file"])
    return None
