"""Converting a release to a mirror: parquet shards, a manifest that lists them, a card."""

import contextlib
import dataclasses
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..common.files import atomic_file, remove_temporary_files
from ..common.prefetch import parallel_map
from ..config_file import version
from ..upload import CARD
from .card import SAMPLES, dataset_card, draw_samples
from .progress import Progress
from .resume import check_arguments, remaining_records, resume_manifest
from .shards import MANIFEST, PROCEDURAL, Manifest, Shard, write_shard
from .sources import Release, find_release, fingerprints
from .sources.rows import Row
from .targets import Target

THREADS = os.cpu_count() or 1
MEGABYTE = 10**6
NUM_SAMPLES = 8  # scenes on the card


def mirror(
    dataset: str,
    sources: Sequence[Path],
    target: Target,
    *,
    release: Release | None = None,
    identity: tuple[str, str] | None = None,
    splits: Sequence[str] = (),
    limit: int | None = None,
    shard_mb: int = 200,
) -> Manifest:
    """Write the rows of a release to `target`, shard by shard, resuming an unfinished mirror.

    - `sources`: files of the release, or folders of them; none for scenes that are drawn.
    - `release`: by default that of the publishers.
    - `identity`: `source` and `sizes` of the manifest, by default fingerprints of the files.
    - `splits`, `limit`: those to convert, by default all, and the largest number of rows in each.
    - `shard_mb`: megabytes of encoded images in a parquet file, after which the next one begins.

    Returns the manifest of the finished mirror. Raises a `ValueError` if the source is damaged,
    naming file and record, or if the target holds another mirror. Finished shards are kept.
    """
    release = release or find_release(dataset)
    check_arguments(dataset, release, sources, target, splits)
    if limit is not None and limit < 1 or shard_mb < 1:
        raise ValueError(f"--limit and --shard-mb must be at least 1, got {limit} and {shard_mb}.")
    wanted = Manifest(dataset, *(identity or identify(sources)), sorted(splits), limit, shard_mb)
    manifest = resume_manifest(target, wanted)
    if manifest.finished:
        return manifest
    known, found = release.splits, release.records(dataset, list(sources))
    full = {split for split in known if limit is not None and manifest.counts(split)[2] >= limit}
    there: set[str] = set()  # the splits that the source has
    todo = remaining_records(found, manifest, full, set(splits or known), there)
    made = parallel_map(lambda record: (record, record.row()), todo, THREADS, 4 * THREADS)
    done = sum(shard.rows for shard in manifest.shards)
    if done:
        print(f"Going on after {_shards(manifest.shards)}, {done:,} rows.")
    with (
        _note_what_stays(target, manifest),
        target.folder() as folder,
        contextlib.closing(made),
        Progress(dataset, done) as progress,
    ):
        # What else is in the folder from here on is known to be ours.
        _write_manifest(folder, manifest)
        remove_temporary_files(folder, MANIFEST, CARD, SAMPLES)
        remove_temporary_files(folder / "data", "*.parquet")
        for split, group in itertools.groupby(made, lambda pair: pair[0].split):
            for pair in group:
                number, _, rows = manifest.counts(split)
                max_rows = sys.maxsize if limit is None else limit - rows
                if max_rows == 0:
                    continue  # made before it was known that there are enough
                rest = progress.watch(itertools.chain([pair], group), NUM_SAMPLES)  # noqa: B031
                shard = write_shard(folder, number, split, rest, shard_mb * MEGABYTE, max_rows)
                _commit_shard(target, folder, manifest, shard, progress.samples[split])
                full |= {split} if shard.rows == max_rows else set()
        _finish(target, folder, manifest, release, splits, there)
    return manifest


def identify(sources: Sequence[Path]) -> tuple[str, str]:
    """Return `source` and `sizes` of a manifest."""
    return fingerprints(sources) if sources else (PROCEDURAL, version())


@contextlib.contextmanager
def _note_what_stays(target: Target, manifest: Manifest) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if any(shard.rows for shard in manifest.shards):
            error.add_note(
                f"{_shards(manifest.shards)} kept in {target.name}; the same command goes on from "
                "there."
            )
        raise


def _shards(shards: Sequence[Shard]) -> str:
    count = sum(shard.rows > 0 for shard in shards)
    return f"{count} finished shard{'s' * (count != 1)}"


def _commit_shard(
    target: Target, folder: Path, manifest: Manifest, shard: Shard, samples: Sequence[Row]
) -> None:
    """Put a finished shard at the target, together with the manifest that lists it."""
    files = []
    if shard.rows:
        files.append(shard.file)
    else:
        (folder / shard.file).unlink()
    kept = manifest.shards
    is_better = shard.masks and not any(other.masks for other in kept)
    if samples and (is_better or not any(other.rows for other in kept)):
        draw_samples(samples, folder / SAMPLES)
        files.append(SAMPLES)
    _write_manifest(folder, dataclasses.replace(manifest, shards=[*manifest.shards, shard]))
    target.put(folder, [*files, MANIFEST], f"Add {shard.file}")
    manifest.shards.append(shard)


def _finish(
    target: Target,
    folder: Path,
    manifest: Manifest,
    release: Release,
    splits: Sequence[str],
    there: set[str],
) -> None:
    """Write the card. Raises a `ValueError` if a split that was asked for is empty."""
    asked = there.intersection(splits or release.splits)
    if asked and not any(shard.rows for shard in manifest.shards):
        raise ValueError("none of the source could be read; what is said above says why.")
    rows = {split: manifest.counts(split)[2] for split in splits}
    empty = [split for split, count in rows.items() if not count]
    if empty or not any(shard.rows for shard in manifest.shards):
        raise ValueError(
            f"the source has no row of split {' or '.join(empty) or 'train'}; it has "
            f"{', '.join(sorted(there.difference(empty))) or 'none at all'}."
        )
    manifest.finished = True
    with atomic_file(folder / CARD) as path:
        # What a folder is called may be no UTF-8.
        path.write_text(dataset_card(manifest, release, target.name), "utf-8", "backslashreplace")
    _write_manifest(folder, manifest)
    target.put(folder, [CARD, MANIFEST], "Finish the mirror")


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with atomic_file(folder / MANIFEST) as path:
        path.write_text(manifest.to_json(), encoding="utf-8")
