"""The files of a person's own sources: each once, and none that lies outside of them."""

import collections
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

KINDS = 6  # of files that are named in a line, the commonest


@dataclasses.dataclass(frozen=True)
class Listing:
    """The files below some folders.

    - `base`: their nearest common folder.
    - `files`: sorted, from there on.
    - `outside`: links that lead out of the sources, which were not followed.
    """

    base: Path
    files: Sequence[Path]
    outside: Sequence[Path]


def list_sources(sources: Sequence[Path]) -> Listing:
    """List the files of sources, which are files and folders, and may be links themselves.

    A folder of a stranger's may hold links to anything of ours: they are followed within the
    sources only. Hidden files are left out.

    Raises a `ValueError` if a source is absent.
    """
    roots = [_root(source) for source in sources]
    found: set[str] = set()
    outside: set[str] = set()
    for source in sources:
        if source.is_file():
            found.add(os.path.abspath(source))
        elif not source.is_dir():
            raise ValueError(f"there is no file or folder {source}.")
        else:
            _walk(os.path.abspath(source), roots, found, outside)
    folders = {os.path.dirname(path) for path in found}
    base = os.path.commonpath(folders) if folders else ""
    files = sorted(Path(os.path.relpath(path, base)) for path in found if os.path.isfile(path))
    return Listing(Path(base), files, sorted(map(Path, outside)))


def by_suffix(paths: Sequence[PurePath]) -> dict[str, list[str]]:
    """Return files that are of no use by their kind, as `Understood` has it: some of them named."""
    suffixes = collections.Counter(path.suffix.lower() for path in paths)
    named = [suffix for suffix, _ in suffixes.most_common(KINDS) if suffix[1:].isalnum()]
    found: dict[str, list[str]] = collections.defaultdict(list)
    for path in paths:
        suffix = path.suffix.lower()
        found[f"{suffix if suffix in named else 'other'} file{{s}}"].append("")
    return dict(found)


def _root(source: Path) -> str:
    """Return what a source may link to: itself, or all of a repo in the cache of the Hub."""
    place = source.resolve()
    is_cached = place.parent.name == "snapshots" and (place.parents[1] / "blobs").is_dir()
    return str(place.parents[1] if is_cached else place)


def _walk(source: str, roots: Sequence[str], found: set[str], outside: set[str]) -> None:
    seen: set[str] = set()
    for folder, folders, names in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # links in a circle
            folders.clear()
            continue
        seen.add(real)
        shown = [name for name in folders + names if not name.startswith(".")]
        out = {name for name in shown if _leads_out(os.path.join(folder, name), roots)}
        outside.update(os.path.join(folder, name) for name in out)
        # Sorted, so that of several links to a folder always the same is followed.
        folders[:] = sorted(name for name in folders if name in shown and name not in out)
        found.update(
            os.path.join(folder, name) for name in names if name in shown and name not in out
        )


def _leads_out(path: str, roots: Sequence[str]) -> bool:
    if not os.path.islink(path):
        return False
    place = os.path.realpath(path)
    return not any(place == root or place.startswith(os.path.join(root, "")) for root in roots)
