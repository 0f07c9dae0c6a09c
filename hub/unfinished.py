"""What is left to do of a mirror: all of it, or what another run has not finished."""

import collections
from collections.abc import Iterator, Sequence
from pathlib import Path

from .originals import Record, release
from .shards import Manifest
from .targets import FolderTarget, Target


def check(dataset: str, sources: Sequence[Path], target: Target, splits: Sequence[str]) -> None:
    """A `ValueError` for a split that there is none of, and for a target that is in a source: it
    would be taken for another one the next time.
    """
    known = release(dataset).splits
    for split in splits:
        if split not in known:
            raise ValueError(f"{dataset} has no split {split!r}; it has {', '.join(known)}.")
    if isinstance(target, FolderTarget):
        for source in sources:
            if target.path.resolve().is_relative_to(source.resolve()):
                raise ValueError(
                    f"--to {target.path} is in --source {source}; name a folder elsewhere."
                )


def continued(target: Target, wanted: Manifest) -> Manifest:
    """What is finished of a mirror, or the manifest of a new one."""
    found = target.manifest()
    if found is None:
        target.claim()
    if found is None or not found.shards:
        return wanted
    for name in ("dataset", "splits", "limit", "shard_mb"):
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            raise ValueError(
                f"{target.name} holds another mirror: its {name} is {there!r:.60}, here it is "
                f"{here!r:.60}; name another --to, or go on with the same."
            )
    if found.source != wanted.source:
        raise ValueError(
            f"{target.name} holds another mirror, of files of other names; name another --to."
        )
    if found.sizes != wanted.sizes and found.finished:
        raise ValueError(
            f"{target.name} holds a finished mirror of files of the same names and other sizes; "
            "name another --to."
        )
    if found.sizes != wanted.sizes:
        print("The source's files have other sizes than before: going on, as if they were mended.")
    found.sizes = wanted.sizes
    return found


def left(
    found: Iterator[Record],
    manifest: Manifest,
    full: set[str],
    splits: set[str],
    there: set[str],
) -> Iterator[Record]:
    """The records of these splits that are not finished; none of a split that is full. Adds to
    `there` what splits it comes across.
    """
    seen: collections.Counter[str] = collections.Counter()
    done = {split: manifest.done(split)[1] for split in splits}
    for record in found:
        if splits <= full:
            return
        there.add(record.split)
        if record.split in splits - full:
            seen[record.split] += 1
            if seen[record.split] > done[record.split]:
                yield record
