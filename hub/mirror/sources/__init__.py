"""Readers of the six datasets as their publishers released them.

    read_rows("clevr", [path], "train")

Stands on `hub.common`. Import from here; a row and its encoding are in `rows`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .records import Record as Record
from .records import list_files
from .releases import RELEASES as RELEASES
from .releases import Release as Release
from .rows import Row


def find_release(dataset: str) -> Release:
    """Return the release of a dataset. Raises a `ValueError` that lists the valid names."""
    if dataset not in RELEASES:
        raise ValueError(f"Unknown dataset {dataset!r}; valid ones are {', '.join(RELEASES)}.")
    return RELEASES[dataset]


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the records of a release, which are not decoded yet.

    - `sources`: files of the release, or folders of them.

    Raises a `ValueError` if none of the files belongs to such a release.
    """
    return find_release(dataset).records(dataset, list(sources))


def read_rows(dataset: str, sources: Sequence[Path], split: str) -> Iterator[Row]:
    """Iterate over the rows of a split, in the release's order. Errors name file and record."""
    for record in read_records(dataset, sources):
        if record.split == split and (row := record.row()) is not None:
            yield row


def fingerprints(sources: Sequence[Path]) -> tuple[str, str]:
    """Return two hashes that identify a release: of its files' names, and of their sizes."""
    files = [(source.parent, source) for source in sources if source.is_file()]
    files += [
        (source, path) for source in sources if source.is_dir() for path in list_files(source)
    ]
    names = "\n".join(str(path.relative_to(base)) for base, path in files)
    sizes = "\n".join(str(path.stat().st_size) for _, path in files)
    return _digest(names), _digest(sizes)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
