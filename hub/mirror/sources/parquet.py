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
from .columns import Columns, Holds, choose_columns
from .listing import Listing
from .names import read_folder, split_of
from .records import first_copies
from .tables import Cells, Table, Tables, bytes_of, make_tables, to_train_on

ROWS = 16  # of a file, read at once


def find_tables(found: Listing) -> Tables | None:
    """Return the parquet files among files, `None` if there are none.

    Their splits are folders called so, else what their names begin with, as in
    `train-00000-of-00002.parquet`. If all are of one split, whatever it is, they are to train on.

    Raises a `ValueError` if none is to train on, or none has images.
    """
    paths = [path for path in found.files if path.suffix.lower() == ".parquet"]
    other = [path for path in found.files if path.suffix.lower() != ".parquet"]
    unused: dict[str, list[str]] = collections.defaultdict(list)
    for path in other:
        unused[f"{path.suffix.lower() or 'other'} files"].append("")
    kept = first_copies([found.base / path for path in paths])
    unused["copies of others"] = [str(path) for path in paths if found.base / path not in kept]
    paths = [path for path in paths if found.base / path in kept]
    if not paths:
        return None
    opened = {path: _opened(found.base / path) for path in paths}
    columns = choose_columns(opened[paths[0]][0])
    wanted = [name for name in (columns.image, columns.labels) if name is not None]
    for path, (holds, _) in opened.items():
        if not set(wanted) <= holds.keys():
            unused[f"files without {' and '.join(wanted)}"].append(str(path))
    files: dict[str, list[Path]] = collections.defaultdict(list)
    for path in paths:
        if set(wanted) <= opened[path][0].keys():
            files[_split(path)].append(path)
    splits = {
        split: Table(
            functools.partial(_rows, found.base, some, columns), sum(opened[p][1] for p in some)
        )
        for split, some in to_train_on(files).items()
    }
    links = {"links that lead out of the source": [str(path) for path in found.outside]}
    made = make_tables(splits, columns, bytes_of, unused | links)
    return dataclasses.replace(
        made, files=[(split, found.base / path) for split, some in files.items() for path in some]
    )


def _split(path: Path) -> str:
    named = next((split for split, _ in map(read_folder, path.parts[:-1]) if split), "")
    return named or split_of(path.stem) or "train"


def _opened(path: Path) -> tuple[dict[str, Holds], int]:
    """Return what the columns of a parquet file hold, and the number of its rows."""
    from pyarrow.parquet import ParquetFile

    with _naming(path), path.open("rb") as stream, ParquetFile(stream) as file:
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
    from pyarrow.parquet import ParquetFile

    names = [name for name in (columns.image, columns.labels) if name is not None]
    for path in paths:
        number = 0
        # Opened here, as Arrow opens no name that is not UTF-8, and takes no pattern for a name.
        with (
            _naming(base / path),
            (base / path).open("rb") as stream,
            ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            for batch in file.iter_batches(ROWS, columns=names):
                for row in batch.to_pylist():
                    labels = None if columns.labels is None else row[columns.labels]
                    yield f"{printable(base / path)}, row {number}", row[columns.image], labels
                    number += 1


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        said = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{printable(path)} is damaged or no parquet ({said}).") from error
