"""What the publishers of the six datasets released, as rows: `rows("clevr", [path], "train")`."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .releases import RELEASES as RELEASES
from .releases import Release as Release
from .rows import Row
from .source import Record as Record
from .source import walk


def release(dataset: str) -> Release:
    """The release of a dataset; a `ValueError` with the valid names for any other."""
    if dataset not in RELEASES:
        raise ValueError(f"Unknown dataset {dataset!r}; valid ones are {', '.join(RELEASES)}.")
    return RELEASES[dataset]


def records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """The records of a release, which become rows when asked to.

    - `sources`: files, or folders of them. Raises a `ValueError` if there is none that fits.
    """
    return release(dataset).records(dataset, list(sources))


def rows(dataset: str, sources: Sequence[Path], split: str) -> Iterator[Row]:
    """The rows of a split, in the order of the release; errors name file and record."""
    for record in records(dataset, sources):
        if record.split == split and (row := record.row()) is not None:
            yield row


def fingerprints(sources: Sequence[Path]) -> tuple[str, str]:
    """Of the names, and of the sizes, of all files, to tell a release from another."""
    files = [(source.parent, source) for source in sources if source.is_file()]
    files += [(source, path) for source in sources if source.is_dir() for path in walk(source)]
    names = "\n".join(str(path.relative_to(base)) for base, path in files)
    sizes = "\n".join(str(path.stat().st_size) for _, path in files)
    return _digest(names), _digest(sizes)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
