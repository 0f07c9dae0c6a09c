"""Shards: parquet files of bounded size, and the manifest that lists the finished ones."""

import contextlib
import dataclasses
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.files import atomic_file
from .sources import Record
from .sources.rows import Row, features

if TYPE_CHECKING:
    from pyarrow import Table

MANIFEST = "mirror.json"
PROCEDURAL = "procedural"  # the source of scenes that were drawn
MAX_MANIFEST_BYTES = 1 << 26  # of hundreds of thousands of shards
ROW_GROUP_SIZE = 64  # rows that are written, and later read, at once


@dataclasses.dataclass(frozen=True)
class Shard:
    """A parquet file of a mirror, and sums over its rows.

    - `records`: records of the source that were read for it, those without a row included.
    - `bytes`: of encoded images and label maps.
    - `masks`: rows with a label map.
    - `overlapping`: rows in which masks of the source overlap.
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
    """The contents of a mirror: the arguments that it was made with, and its finished shards.

    - `source`, `sizes`: fingerprints of the names and of the sizes of the source's files; of scenes
      that were drawn, `procedural` and the version that drew them.
    - `finished`: whether all of the source has been converted.
    """

    dataset: str
    source: str
    sizes: str
    splits: list[str]
    limit: int | None
    shard_mb: int
    shards: list[Shard] = dataclasses.field(default_factory=list)
    finished: bool = False

    @property
    def is_procedural(self) -> bool:
        """Whether the scenes were drawn, and are not those of the release."""
        return self.source == PROCEDURAL

    def training_command(self, name: str) -> str:
        """Return the command that trains on the mirror; `name` is its folder or repo.

        A mirror without a split `train` may have that of a subset, such as `clevr6_train`.
        """
        command = f"python -m training.run --dataset {self.dataset}"
        splits = sorted({shard.split for shard in self.shards if shard.rows})
        subsets = [split.removesuffix("_train") for split in splits if split.endswith("_train")]
        if subsets and "train" not in splits:
            command += f" --subset {subsets[0]}"
        return f"{command} --data {shlex.quote(name)}"

    def to_json(self) -> str:
        """Return the manifest as JSON, a field a line."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path, mirror: str) -> "Manifest":
        """Read a manifest. Raises a `ValueError` that names `mirror` if the file is damaged."""
        try:
            fields = json.loads(path.read_text("utf-8"))
            return cls(
                **fields | {"shards": [_validate_shard(**shard) for shard in fields["shards"]]}
            )
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{MANIFEST} of {mirror} is damaged ({error}).") from error

    def counts(self, split: str) -> tuple[int, int, int]:
        """Return the numbers of finished files, records and rows of a split."""
        shards = [shard for shard in self.shards if shard.split == split]
        files = sum(shard.rows > 0 for shard in shards)
        return files, sum(s.records for s in shards), sum(s.rows for s in shards)


def _validate_shard(file: Any, split: Any, **sums: Any) -> Shard:
    # A mirror may be anyone's, and a file elsewhere is none of it.
    if not (isinstance(split, str) and re.fullmatch(r"data/[a-z0-9_]+-\d+\.parquet", str(file))):
        raise ValueError(f"a file is data/SPLIT-NUMBER.parquet, got {file!r:.60}")
    if not all(isinstance(number, int) and number >= 0 for number in sums.values()):
        raise ValueError(f"the figures of {file} are whole numbers, got {sums!r:.80}")
    return Shard(file, split, **sums)


def write_shard(
    folder: Path,
    number: int,
    split: str,
    made: Iterator[tuple[Record, Row | None]],
    max_bytes: int,
    max_rows: int,
) -> Shard:
    """Write `data/SPLIT-NUMBER.parquet` from the next records, atomically.

    The shard ends with `max_rows` rows, with `max_bytes` bytes of encoded images, or with the last
    record. Returns its entry for the manifest.
    """
    from pyarrow.parquet import ParquetWriter

    shard = Shard(f"data/{split}-{number:05d}.parquet", split)
    schema = features().arrow_schema
    with (
        _note_last_record() as taken,
        atomic_file(folder / shard.file) as path,
        path.open("wb") as file,  # as Arrow opens no name that is not UTF-8
        ParquetWriter(file, schema, write_page_checksum=True) as writer,
    ):
        waiting: list[tuple[Record, Row]] = []
        for record, row in made:
            taken[:] = [record]
            shard = _with_row(shard, row)
            waiting += [(record, row)] if row is not None else []
            is_full = shard.rows >= max_rows or shard.bytes >= max_bytes
            if waiting and (is_full or len(waiting) == ROW_GROUP_SIZE):
                writer.write_table(_table(waiting))
                waiting = []
            if is_full:
                break
        if waiting:
            writer.write_table(_table(waiting))
    return shard


def _table(pairs: Sequence[tuple[Record, Row]]) -> "Table":
    """Return the rows as a table. Raises a `ValueError` that names the record of a bad row."""
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
def _note_last_record() -> Iterator[list[Record]]:
    """Add the last record in the yielded list to an `OSError` as a note."""
    taken: list[Record] = []
    try:
        yield taken
    except OSError as error:
        if taken:
            error.add_note(f"The last record taken was {taken[0].name}.")
        raise


def _with_row(shard: Shard, row: Row | None) -> Shard:
    """Return the shard's entry with one more record, and its row, counted."""
    new: dict[str, Any] = dict(records=1)
    if row is not None:
        size = sum(len(row[name]["bytes"]) for name in ("image", "mask") if row[name])
        new |= dict(rows=1, bytes=size, masks=int(row["has_mask"]), objects=row["num_objects"])
        new |= dict(overlapping=int(row["overlap_pixels"] > 0))
        new |= {name: row[name] for name in ("overlap_pixels", "uncovered_pixels")}
    return dataclasses.replace(shard, **{n: getattr(shard, n) + value for n, value in new.items()})
