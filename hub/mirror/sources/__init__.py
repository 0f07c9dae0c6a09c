"""Readers of the six datasets as their publishers released them.

    read_rows("clevr", [path], "train")

Stands on `hub.common`. Import from here; a row and its encoding are in `rows`.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .images import Images
from .own import find_own as find_own
from .records import Record as Record
from .records import list_files
from .releases import RELEASES as RELEASES
from .releases import Release as Release
from .repos import find_repo as find_repo
from .rows import Row
from .tables import Tables


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
    return _digest(names), _sizes([path for _, path in files])


def own_fingerprints(own: Images | Tables) -> tuple[str, str]:
    """Return the same of one's own images: what each file is taken for counts as its name."""
    paths = [path for _, path in own.files]
    base = os.path.commonpath([path.parent for path in paths])
    names = "\n".join(f"{kind}: {os.path.relpath(path, base)}" for kind, path in own.files)
    columns = f"\n{own.columns}" if isinstance(own, Tables) else ""
    return _digest(names + columns), _sizes(paths)


def _sizes(paths: Sequence[Path]) -> str:
    return _digest("\n".join(str(path.stat().st_size) for path in paths))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
