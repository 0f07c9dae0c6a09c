"""What the publishers of the six datasets released, as rows: `rows("clevr", [path], "train")`."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..rows import Row
from .releases import RELEASES as RELEASES
from .releases import Release as Release
from .source import Record as Record


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


def fingerprint(sources: Sequence[Path]) -> str:
    """Of the names and sizes of all files, to tell a release from another; but for hidden ones,
    which a desktop may put there at any time.
    """
    files = [(source.parent, source) for source in sources if source.is_file()]
    files += [(s, path) for s in sources for path in sorted(s.rglob("*")) if path.is_file()]
    named = [(path.relative_to(base), path.stat().st_size) for base, path in files]
    names = [f"{name} {size}" for name, size in named if not name.name.startswith(".")]
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
