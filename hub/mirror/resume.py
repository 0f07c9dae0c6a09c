"""Resuming a mirror: which manifest to continue, and which records remain."""

import collections
from collections.abc import Iterator, Sequence
from pathlib import Path

from .shards import Manifest
from .sources import Record, Release
from .targets import FolderTarget, Target


def check_arguments(
    dataset: str,
    release: Release,
    sources: Sequence[Path],
    target: Target,
    splits: Sequence[str],
) -> None:
    """Raise a `ValueError` if a split is unknown or the target lies inside a source.

    There it would be read as part of the source when the mirror is resumed.
    """
    for split in splits:
        if split not in release.splits:
            raise ValueError(
                f"{dataset} has no split {split!r}; it has {', '.join(release.splits)}."
            )
    if isinstance(target, FolderTarget):
        for source in sources:
            if target.path.resolve().is_relative_to(source.resolve()):
                raise ValueError(
                    f"--to {target.path} is in --source {source}; name a folder elsewhere."
                )


def resume_manifest(target: Target, wanted: Manifest) -> Manifest:
    """Return the manifest of the mirror at `target`, or `wanted` if there is none.

    Raises a `ValueError` if the mirror there is another one than wanted.
    """
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
    if found.is_procedural != wanted.is_procedural:
        kinds = ["the release", "procedural scenes"]
        raise ValueError(
            f"{target.name} holds a mirror of {kinds[found.is_procedural]}, not of "
            f"{kinds[wanted.is_procedural]}; name another --to."
        )
    if found.source != wanted.source:
        raise ValueError(
            f"{target.name} holds another mirror, of files of other names; name another --to."
        )
    if found.sizes != wanted.sizes and found.is_procedural:
        raise ValueError(
            f"{target.name} holds scenes drawn by version {found.sizes}, and this is "
            f"{wanted.sizes}, whose scenes may be others; name another --to."
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


def remaining_records(
    found: Iterator[Record],
    manifest: Manifest,
    full: set[str],
    splits: set[str],
    there: set[str],
) -> Iterator[Record]:
    """Iterate over the records of `splits` that are in no finished shard, but for full splits.

    - `full`: splits that have reached their limit of rows; the caller may add to it meanwhile.
    - `there`: an output: every split that a record is found of is added to it.
    """
    seen: collections.Counter[str] = collections.Counter()
    done = {split: manifest.counts(split)[1] for split in splits}
    for record in found:
        if splits <= full:
            return
        there.add(record.split)
        if record.split in splits - full:
            seen[record.split] += 1
            if seen[record.split] > done[record.split]:
                yield record
