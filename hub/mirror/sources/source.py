"""What a reader of an original release gives: records that become rows when asked to."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import tfrecord
from .rows import Row


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of a release, not looked into yet: to skip it costs no more than to read it.

    - `name`: file and number, for errors. `split`: the one it is in.
    - `part`: how much of the source is behind it, from 0 to 1.
    - `make`: its row; `None` if it is left out of the split. A `ValueError` if it is damaged.
    """

    name: str
    split: str
    part: float
    make: Callable[[], Row | None]

    def row(self) -> Row | None:
        """Its row; a `ValueError` that names the record if there is something wrong with it."""
        try:
            return self.make()
        except (ValueError, KeyError, IndexError, TypeError, RecursionError, OSError) as error:
            raise ValueError(f"{self.name}: {error}") from error


def files(sources: Sequence[Path], *patterns: str) -> list[Path]:
    """The files among the sources, and those in folders among them that match a pattern, each once.

    Raises a `ValueError` if there is none.
    """
    found: list[Path] = []
    for source in sources:
        if source.is_file():
            found.append(source)
        elif source.is_dir():
            found += (p for p in walk(source) if any(p.match(pattern) for pattern in patterns))
        else:
            raise ValueError(f"there is no file or folder {source}.")
    if not found:
        raise ValueError(f"no {' or '.join(patterns)} in {', '.join(map(str, sources))}.")
    return list({path.resolve(): path for path in found}.values())


def walk(folder: Path) -> list[Path]:
    """The files below a folder, in their order; links are followed, hidden files left out, which
    are a desktop's.
    """
    found, seen = [], set()
    for root, folders, names in os.walk(folder, followlinks=True):
        is_new = os.path.realpath(root) not in seen
        seen.add(os.path.realpath(root))
        # Sorted, so that of several links to a folder always the same is followed.
        folders[:] = sorted(name for name in folders if is_new and not name.startswith("."))
        found += [Path(root, name) for name in names if is_new and not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def payloads(paths: Sequence[Path]) -> Iterator[tuple[Path, int, float, bytes]]:
    """File, number in it, part of all files that is behind, and bytes of each TFRecord."""
    sizes = [path.stat().st_size for path in paths]
    for path, size in zip(paths, sizes, strict=True):
        if not size:
            raise ValueError(f"{path} is empty; was it downloaded to its end?")
    total, before = max(sum(sizes), 1), 0
    for path, size in zip(paths, sizes, strict=True):
        for number, (place, payload) in enumerate(tfrecord.records(path)):
            yield path, number, (before + place) / total, payload
        before += size
