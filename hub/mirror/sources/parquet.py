"""Images of one's own in parquet files."""

import collections
import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...common.terminal import printable
from .arrow import open_parquet
from .columns import Columns, Holds, choose_columns
from .listing import Listing, by_suffix
from .names import read_folder, split_of
from .records import copies
from .tables import Cells, Table, Tables, bytes_of, make_tables, to_train_on

ROWS = 16  # of a file, read at once


def find_tables(found: Listing) -> Tables | None:
    """Return the parquet files among files, `None` if there are none.

    Their splits are folders called so, else what their names begin with, as in
    `train-00000-of-00002.parquet`. If all are of one split, whatever it is, they are to train on.

    Raises a `ValueError` if none is to train on, or none has images.
    """
    paths = [path for path in found.files if path.suffix.lower() == ".parquet"]
    twice = [path.relative_to(found.base) for path in copies([found.base / p for p in paths])]
    opened = {path: _opened(found.base / path) for path in paths if path not in twice}
    if not opened:
        return None
    columns = _columns([holds for holds, _ in opened.values()])
    unused = {
        "duplicate file{s}": list(map(str, twice)),
        f"file{{s}} without column {columns.image}": [
            str(path) for path, (holds, _) in opened.items() if columns.image not in holds
        ],
        "link{s} out of the source": [str(path) for path in found.outside],
    } | by_suffix([path for path in found.files if path not in paths])
    files: dict[str, list[Path]] = collections.defaultdict(list)
    for path, (holds, _) in opened.items():
        if columns.image in holds:
            files[_split(path)].append(path)
    splits = {
        split: Table(
            functools.partial(_rows, found.base, some, columns), sum(opened[p][1] for p in some)
        )
        for split, some in to_train_on(files).items()
    }
    made = make_tables(splits, columns, bytes_of, unused)
    return dataclasses.replace(
        made, files=[(split, found.base / path) for split, some in files.items() for path in some]
    )


def _columns(tables: Sequence[Mapping[str, Holds]]) -> Columns:
    """Return the columns of the first table that has images."""
    *others, last = tables
    for holds in others:
        with contextlib.suppress(ValueError):
            return choose_columns(holds)
    return choose_columns(last)


def _split(path: Path) -> str:
    named = next((split for split, _ in map(read_folder, path.parts[:-1]) if split), "")
    return named or split_of(path.stem) or "train"


def _opened(path: Path) -> tuple[dict[str, Holds], int]:
    """Return what the columns of a parquet file hold, and the number of its rows."""
    with open_parquet(path) as file:
        said = _features(file.schema_arrow.metadata or {})
        return {
            field.name: "images" if field.name in said else _holds(field.type)
            for field in file.schema_arrow
        }, file.metadata.num_rows


def _features(metadata: Mapping[bytes, bytes]) -> set[str]:
    """Return the columns that `datasets`, which has written a file, says are of images."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {name for name, kind in features.items() if kind["_type"] == "Image"}
    except (KeyError, ValueError, TypeError, AttributeError):
        return set()


def _holds(kind: Any) -> Holds:
    from pyarrow import types

    def is_bytes(kind: Any) -> bool:
        return types.is_binary(kind) or types.is_large_binary(kind)

    if types.is_struct(kind):
        fields = {kind.field(n).name: kind.field(n).type for n in range(kind.num_fields)}
        return "files" if "bytes" in fields and is_bytes(fields["bytes"]) else "else"
    return "files" if is_bytes(kind) else "else"


def _rows(base: Path, paths: Sequence[Path], columns: Columns) -> Iterator[Cells]:
    for path in paths:
        number = 0
        with open_parquet(base / path) as file:
            wanted = {columns.image, columns.labels} & set(file.schema_arrow.names)
            for batch in file.iter_batches(ROWS, columns=sorted(filter(None, wanted))):
                for row in batch.to_pylist():
                    name = f"{printable(base / path)}, row {number}"
                    yield name, row[columns.image], row.get(columns.labels or "")
                    number += 1
