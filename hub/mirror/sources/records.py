"""Records of a release, which are decoded to rows on demand; the files that they are in."""

import dataclasses
import filecmp
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import tfrecord
from .rows import Row


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of a release, not decoded yet.

    - `name`: its file and number, for messages.
    - `split`: the split that it is in.
    - `fraction`: share of the source that has been read before it, 0 to 1.
    - `make`: function that decodes its row; `None` for a record that its split leaves out. Raises
      a `ValueError` if the record is damaged.
    """

    name: str
    split: str
    fraction: float
    make: Callable[[], Row | None]

    def row(self) -> Row | None:
        """Decode the row. Raises a `ValueError` that names the record if it is damaged."""
        try:
            return self.make()
        except (ValueError, KeyError, IndexError, TypeError, RecursionError, OSError) as error:
            raise ValueError(f"{self.name}: {error}") from error


def find_files(sources: Sequence[Path], *patterns: str) -> list[Path]:
    """Return the sources that are files, and the files in those that are folders, each once.

    - `patterns`: of the names of files in folders, such as `*.png`.

    Raises a `ValueError` if there is none.
    """
    found: list[Path] = []
    for source in sources:
        if source.is_file():
            found.append(source)
        elif source.is_dir():
            found += (
                p for p in list_files(source) if any(p.match(pattern) for pattern in patterns)
            )
        else:
            raise ValueError(f"there is no file or folder {source}.")
    if not found:
        raise ValueError(f"no {' or '.join(patterns)} in {', '.join(map(str, sources))}.")
    return list({path.resolve(): path for path in found}.values())


def list_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted. Links are followed, hidden files left out."""
    found, seen = [], set()
    for root, folders, names in os.walk(folder, followlinks=True):
        is_new = os.path.realpath(root) not in seen
        seen.add(os.path.realpath(root))
        # Sorted, so that of several links to a folder always the same is followed.
        folders[:] = sorted(name for name in folders if is_new and not name.startswith("."))
        found += [Path(root, name) for name in names if is_new and not name.startswith(".")]
    return sorted(path for path in found if path.is_file())


def copies(paths: Sequence[Path]) -> dict[Path, Path]:
    """Return the files that are the same, byte for byte, as one before them, and which that is."""
    found: dict[tuple[int, bytes], list[Path]] = {}
    same = {}
    for path in paths:
        with path.open("rb") as file:
            start = path.stat().st_size, file.read(1 << 12)
        others = found.setdefault(start, [])
        twin = next((o for o in others if filecmp.cmp(path, o, shallow=False)), None)
        if twin is None:
            others.append(path)
        else:
            same[path] = twin
    return same


def refuse_copies(paths: Sequence[Path]) -> None:
    """Raise a `ValueError` if a file of a release is there twice, as after a second download.

    Its scenes would be twice in the mirror, those to validate on again among those to train on.
    """
    for copy, path in copies(paths).items():
        raise ValueError(f"{copy} is a copy of {path}, which is read already; remove one of them.")


def read_tfrecords(paths: Sequence[Path]) -> Iterator[tuple[Path, int, float, bytes]]:
    """Iterate over TFRecords: file, number in the file, share of all files read before, payload."""
    sizes = [path.stat().st_size for path in paths]
    for path, size in zip(paths, sizes, strict=True):
        if not size:
            raise ValueError(f"{path} is empty; was it downloaded to its end?")
    refuse_copies(paths)
    total, before = max(sum(sizes), 1), 0
    for path, size in zip(paths, sizes, strict=True):
        for number, (place, payload) in enumerate(tfrecord.read_records(path)):
            yield path, number, (before + place) / total, payload
        before += size
