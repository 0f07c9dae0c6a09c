"""Shards: parquet files of bounded size, and the manifest that lists the finished ones."""

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.files import atomic_file
from .sources import Record
from .sources.rows import Row, features

if TYPE_CHECKING:
    from pyarrow import Table

MANIFEST = "mirror.json"
GROUP = 64  # rows that are written, and later read, at once


@dataclasses.dataclass(frozen=True)
class Shard:
    """A parquet file of a mirror, and sums over its rows.

    - `records`: of the source, those before the first of its rows and after the last of the shard
      before it included; some may have been left out.
    - `overlapping`: rows in which masks overlap.
    """

    file: str
    split: str
    records: int = 0
    rows: int = 0
    bytes: int = 0
    masks: int = 0
    objects: int = 0
    overlapping: int = 0
    overlap_pixels: int = 0
    uncovered_pixels: int = 0


@dataclasses.dataclass
class Manifest:
    """What a mirror is made of: the command's arguments that matter, and the finished shards.

    - `source`, `sizes`: fingerprints of the names and of the sizes of the source's files.
    """

    dataset: str
    source: str
    sizes: str
    splits: list[str]
    limit: int | None
    shard_mb: int
    shards: list[Shard] = dataclasses.field(default_factory=list)
    finished: bool = False

    def to_json(self) -> str:
        """The manifest as JSON, with a line for each figure of a shard."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path, mirror: str) -> "Manifest":
        """Read a manifest. Raises a `ValueError` that names `mirror` if the file is damaged."""
        try:
            fields = json.loads(path.read_text("utf-8"))
            return cls(**fields | {"shards": [_checked(**shard) for shard in fields["shards"]]})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{MANIFEST} of {mirror} is damaged ({error}).") from error

    def done(self, split: str) -> tuple[int, int, int]:
        """How many files, records and rows of a split are finished."""
        shards = [shard for shard in self.shards if shard.split == split]
        files = sum(shard.rows > 0 for shard in shards)
        return files, sum(s.records for s in shards), sum(s.rows for s in shards)


def _checked(file: Any, split: Any, **sums: Any) -> Shard:
    # A mirror may be anyone's, and a file elsewhere is none of it.
    if not (isinstance(split, str) and re.fullmatch(r"data/[a-z_]+-\d+\.parquet", str(file))):
        raise ValueError(f"a file is data/SPLIT-NUMBER.parquet, got {file!r:.60}")
    if not all(isinstance(number, int) and number >= 0 for number in sums.values()):
        raise ValueError(f"the figures of {file} are whole numbers, got {sums!r:.80}")
    return Shard(file, split, **sums)


def write_shard(
    folder: Path,
    number: int,
    split: str,
    made: Iterator[tuple[Record, Row | None]],
    most_bytes: int,
    most_rows: int,
) -> Shard:
    """Write `data/SPLIT-NUMBER.parquet` from the next records, whole or not at all.

    The shard ends at `most_rows` rows, at `most_bytes` bytes of encoded images, or with the last
    record.
    """
    from pyarrow.parquet import ParquetWriter

    shard = Shard(f"data/{split}-{number:05d}.parquet", split)
    schema = features().arrow_schema
    with (
        _naming_the_last() as taken,
        atomic_file(folder / shard.file) as path,
        path.open("wb") as file,  # as Arrow opens no name that is not UTF-8
        ParquetWriter(file, schema, write_page_checksum=True) as writer,
    ):
        waiting: list[tuple[Record, Row]] = []
        for record, row in made:
            taken[:] = [record]
            shard = _grown(shard, row)
            waiting += [(record, row)] if row is not None else []
            is_full = shard.rows >= most_rows or shard.bytes >= most_bytes
            if waiting and (is_full or len(waiting) == GROUP):
                writer.write_table(_table(waiting))
                waiting = []
            if is_full:
                break
        if waiting:
            writer.write_table(_table(waiting))
    return shard


def _table(pairs: Sequence[tuple[Record, Row]]) -> "Table":
    """The rows; a `ValueError` that names the record if one does not fit."""
    from pyarrow import ArrowException, Table

    schema = features().arrow_schema
    try:
        return Table.from_pylist([row for _, row in pairs], schema=schema)
    except (ArrowException, ValueError, TypeError, OverflowError) as error:
        if len(pairs) == 1:
            raise ValueError(f"{pairs[0][0].name}: {error}") from error
        for pair in pairs:
            _table([pair])
        raise


@contextlib.contextmanager
def _naming_the_last() -> Iterator[list[Record]]:
    """Add to an error of the disk the record that was put into this list last."""
    taken: list[Record] = []
    try:
        yield taken
    except OSError as error:
        if taken:
            error.add_note(f"The last record taken was {taken[0].name}.")
        raise


def _grown(shard: Shard, row: Row | None) -> Shard:
    """The sums with another record."""
    new: dict[str, Any] = dict(records=1)
    if row is not None:
        size = sum(len(row[name]["bytes"]) for name in ("image", "mask") if row[name])
        new |= dict(rows=1, bytes=size, masks=int(row["has_mask"]), objects=row["num_objects"])
        new |= dict(overlapping=int(row["overlap_pixels"] > 0))
        new |= {name: row[name] for name in ("overlap_pixels", "uncovered_pixels")}
    return dataclasses.replace(shard, **{n: getattr(shard, n) + value for n, value in new.items()})
