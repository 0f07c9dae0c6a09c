"""Images of one's own in a dataset repo of the Hub, in any format that `datasets` reads.

A repo is a stranger's: nothing but its own files is read for it, whatever it names.
"""

import functools
import re
from collections.abc import Iterator
from typing import Any

from ...common.errors import translate_hub_errors
from .columns import Columns, Holds, choose_columns
from .names import SPLIT_OF, SPLITS
from .tables import Cells, Table, Tables, bytes_of, make_tables, to_train_on


def find_repo(repo_id: str, commit: str) -> Tables:
    """Return the images of a repo; which columns are taken, `choose_columns` says.

    Raises a `ValueError` that lists the columns if none has images, or if the repo says that its
    data are files elsewhere; a `ConnectionError` if the Hub does not answer.
    """
    found = _streams(repo_id, commit)
    named: dict[str, str] = {}
    for name in found:
        named.setdefault(SPLIT_OF.get(name.lower(), name), name)
    names = {split: name for split, name in to_train_on(named).items() if split in SPLITS}
    columns = choose_columns(_holds(found[names["train"]]))
    tables = {
        split: Table(
            functools.partial(_rows, repo_id, split, found[name], columns),
            _count(found[name], name),
        )
        for split, name in names.items()
    }
    rest = [name for name in found if name not in names.values()]
    return make_tables(
        tables, columns, functools.partial(_read, repo_id, commit), {"split{s}": rest}
    )


def _streams(repo_id: str, commit: str) -> dict[str, Any]:
    """Return the streamed datasets of a repo by the name of their split, not decoded."""
    from datasets import load_dataset_builder
    from huggingface_hub.errors import LocalEntryNotFoundError

    with translate_hub_errors(f"reading {repo_id}", f"the Hub has no dataset {repo_id}"):
        try:
            builder = load_dataset_builder(repo_id, revision=commit)
        except FileNotFoundError as error:
            if isinstance(error, LocalEntryNotFoundError):  # the Hub does not answer
                raise
            # Of `datasets`, which lists all suffixes that there are.
            raise ValueError(f"{repo_id} has no data of a kind that can be read") from error
        files = builder.config.data_files or {}
        for file in (str(file) for some in files.values() for file in some):
            if not _is_of(repo_id, commit, file):
                raise ValueError(f"its data are in {file:.100}, which is no file of {repo_id}")
        found: Any = builder.as_streaming_dataset()
        # Otherwise `datasets` opens whatever a cell names.
        return {
            str(name): (rows if rows.features else rows._resolve_features()).decode(False)
            for name, rows in found.items()
        }


def _is_of(repo_id: str, commit: str, address: str) -> bool:
    """Return whether an address is that of a file of the repo, or in an archive of it."""
    *inside, place = address.split("::")
    base = f"hf://datasets/{repo_id}@{commit}/"
    return (
        place.startswith(base)
        and ".." not in place.split("/")
        and all(re.match(r"(zip|tar|gzip|bz2|xz|zstd|lz4)://", part) for part in inside)
    )


def _count(rows: Any, name: str) -> int | None:
    known = (rows.info.splits or {}).get(name)
    return None if known is None else known.num_examples or None


def _holds(rows: Any) -> dict[str, Holds]:
    """Return what the columns of a streamed dataset hold."""
    from datasets import Image

    return {
        name: "images" if isinstance(kind, Image) else "files" if _may_hold(kind) else "else"
        for name, kind in rows.features.items()
    }


def _may_hold(kind: Any) -> bool:
    """Return whether a column has encoded files: bytes, or a struct of bytes and path."""
    if isinstance(kind, dict):
        return "bytes" in kind
    return getattr(kind, "dtype", None) in ("binary", "large_binary")


def _rows(repo_id: str, split: str, rows: Any, columns: Columns) -> Iterator[Cells]:
    from datasets import Image

    names = [name for name in (columns.image, columns.labels) if name in rows.features]
    rows = rows.select_columns(names)
    for name in names:
        rows = rows.cast_column(name, Image(decode=False))
    with translate_hub_errors(f"reading {repo_id}", f"the Hub has no dataset {repo_id}"):
        for place, row in enumerate(rows):
            name = f"{repo_id}, {split}, row {place}"
            yield name, row.get(columns.image), row.get(columns.labels or "")


def _read(repo_id: str, commit: str, cell: Any) -> bytes | None:
    """Return the bytes of an image file in a cell, or in the file of the repo that it names."""
    import fsspec

    address = cell.get("path") if isinstance(cell, dict) and cell.get("bytes") is None else None
    if address is None or not _is_of(repo_id, commit, str(address)):
        return bytes_of(cell)
    with (
        translate_hub_errors(f"reading {address}", f"{address} is not there"),
        fsspec.open(address, "rb") as file,
    ):
        return file.read()  # pyright: ignore[reportAttributeAccessIssue]
