"""Mirror a dataset: `python -m hub.mirror clevr --source FILE --to user/isa-clevr`."""

import collections
import contextlib
import dataclasses
import itertools
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from .ahead import in_threads
from .files import atomic_file
from .mirror_card import SAMPLES, dataset_card, draw_samples
from .originals import Record, fingerprint, records, release
from .progress import Progress
from .rows import Row
from .shards import MANIFEST, Manifest, Shard, write_shard
from .targets import FolderTarget, Target, chosen_target
from .upload import CARD

THREADS = os.cpu_count() or 1
MEGABYTE = 10**6
SHOWN = 8  # scenes on the card


def mirror(
    dataset: str,
    sources: Sequence[Path],
    target: Target,
    *,
    splits: Sequence[str] = (),
    limit: int | None = None,
    shard_mb: int = 200,
) -> Manifest:
    """Put the rows of a release where the target is, shard by shard; go on where it was left.

    - `splits`: those wanted, by default all. `limit`: rows of each split.
    - `shard_mb`: megabytes of pictures in a parquet file, after which the next one begins.

    Raises a `ValueError` if something is wrong with the source, naming file and record, or if the
    target holds another mirror; what is finished stays.
    """
    known = release(dataset).splits
    _check(dataset, sources, target, splits)
    if limit is not None and limit < 1 or shard_mb < 1:
        raise ValueError(f"--limit and --shard-mb must be at least 1, got {limit} and {shard_mb}.")
    wanted = Manifest(dataset, fingerprint(sources), sorted(splits), limit, shard_mb)
    manifest = _continued(target, wanted)
    if manifest.finished:
        return manifest
    full = {split for split in known if limit is not None and manifest.done(split)[2] >= limit}
    left = _left(records(dataset, sources), manifest, full, set(splits or known))
    made = in_threads(lambda record: (record, record.row()), left, THREADS, 4 * THREADS)
    done = sum(shard.rows for shard in manifest.shards)
    if done:
        print(f"Going on after {_shards(manifest.shards)}, {done:,} rows.")
    with (
        _saying_what_stays(target, manifest),
        target.folder() as folder,
        contextlib.closing(made),
        Progress(dataset, done) as progress,
    ):
        _write(folder, manifest)  # what else is in the folder from here on is known to be ours
        for unfinished in (folder / "data").glob(".*.parquet.*"):  # of a run that was killed
            unfinished.unlink()
        for split, group in itertools.groupby(made, lambda pair: pair[0].split):
            for pair in group:
                number, _, rows = manifest.done(split)
                most = sys.maxsize if limit is None else limit - rows
                if most == 0:
                    continue  # made before it was known that there are enough
                rest = progress.watch(itertools.chain([pair], group), SHOWN)  # noqa: B031
                shard = write_shard(folder, number, split, rest, shard_mb * MEGABYTE, most)
                _keep(target, folder, manifest, shard, progress.samples[split])
                full |= {split} if shard.rows == most else set()
        _finish(target, manifest, splits)
    return manifest


def _check(dataset: str, sources: Sequence[Path], target: Target, splits: Sequence[str]) -> None:
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


@contextlib.contextmanager
def _saying_what_stays(target: Target, manifest: Manifest) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:
        if manifest.shards:
            error.add_note(
                f"{_shards(manifest.shards)} kept in {target.name}; the same command goes on from "
                "there."
            )
        raise


def _shards(shards: Sequence[Shard]) -> str:
    count = sum(shard.rows > 0 for shard in shards)
    return f"{count} finished shard{'s' * (count != 1)}"


def _continued(target: Target, wanted: Manifest) -> Manifest:
    """What is finished of a mirror, or the manifest of a new one."""
    found = target.manifest()
    if found is None:
        target.claim()
    if found is None or not found.shards:
        return wanted
    for name in ("dataset", "source", "splits", "limit", "shard_mb"):
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            raise ValueError(
                f"{target.name} holds another mirror: its {name} is {there!r:.60}, here it is "
                f"{here!r:.60}; name another --to, or go on with the same."
            )
    return found


def _left(
    found: Iterator[Record], manifest: Manifest, full: set[str], splits: set[str]
) -> Iterator[Record]:
    """The records of these splits that are not finished; none of a split that is full."""
    seen: collections.Counter[str] = collections.Counter()
    done = {split: manifest.done(split)[1] for split in splits}
    for record in found:
        if splits <= full:
            return
        if record.split in splits - full:
            seen[record.split] += 1
            if seen[record.split] > done[record.split]:
                yield record


def _keep(
    target: Target, folder: Path, manifest: Manifest, shard: Shard, samples: Sequence[Row]
) -> None:
    """Put a finished shard where the target is, at last with the manifest that says so."""
    files = []
    if shard.rows:
        files.append(shard.file)
    else:
        (folder / shard.file).unlink()
    if samples and not any(kept.rows for kept in manifest.shards):
        draw_samples(samples, folder / SAMPLES)
        files.append(SAMPLES)
    _write(folder, dataclasses.replace(manifest, shards=[*manifest.shards, shard]))
    target.put(folder, [*files, MANIFEST], f"Add {shard.file}")
    manifest.shards.append(shard)


def _finish(target: Target, manifest: Manifest, splits: Sequence[str]) -> None:
    """Write the card; a `ValueError` if a split that was asked for is empty."""
    rows = {split: manifest.done(split)[2] for split in splits}
    empty = [split for split, count in rows.items() if not count]
    found = sorted({shard.split for shard in manifest.shards if shard.rows})
    if empty or not found:
        raise ValueError(
            f"the source has no row of split {' or '.join(empty) or 'train'}; it has "
            f"{', '.join(found) or 'none at all'}."
        )
    manifest.finished = True
    with target.folder() as folder:
        with atomic_file(folder / CARD) as path:
            path.write_text(dataset_card(manifest, target.name), encoding="utf-8")
        _write(folder, manifest)
        target.put(folder, [CARD, MANIFEST], "Finish the mirror")


def _write(folder: Path, manifest: Manifest) -> None:
    with atomic_file(folder / MANIFEST) as path:
        path.write_text(manifest.to_json(), encoding="utf-8")


def main(
    dataset: Annotated[Positional[str], tyro.conf.arg(metavar="DATASET")],
    source: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH …]")],
    to: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")],
    split: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="SPLIT [SPLIT …]", help_behavior_hint="(default: all)"),
    ] = (),
    limit: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: all)")
    ] = None,
    private: bool = False,
    shard_mb: Annotated[int, tyro.conf.arg(metavar="MB")] = 200,
) -> None:
    """Turn a dataset, as its publishers released it, into parquet: in a folder, or on the Hub.

    Log in first to write to the Hub: hf auth login, or HF_TOKEN. An interrupted run goes on where
    it was when the same command is given again. To train on the mirror:
    python -m training.run --dataset DATASET --data FOLDER|USER/NAME

    Args:
        dataset: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or waymo_open.
        source: Files of the release, or folders of them.
        to: A repo of the Hub, made if absent; or a folder: no slash, several, or a dot first.
        split: Which splits.
        limit: Rows of each split.
        private: Make a new repo private; one that is there and public is refused.
        shard_mb: Megabytes of pictures in each parquet file.
    """
    try:
        target = chosen_target(to, dataset, private)
        print(f"Mirroring {release(dataset).title} to {target.name}")
        done = mirror(dataset, source, target, splits=split, limit=limit, shard_mb=shard_mb)
    except KeyboardInterrupt:
        sys.exit("\nStopped; finished shards stay. The same command goes on from there.")
    except (ValueError, OSError) as error:
        sys.exit("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]))
    for name in sorted({shard.split for shard in done.shards}):
        shards, _, rows = done.done(name)
        print(f"  {name:12} {rows:>9,} rows in {shards} file{'s' * (shards != 1)}")
    print(f"python -m training.run --dataset {dataset} --data {shlex.quote(target.name)}")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m hub.mirror", config=(tyro.conf.FlagCreatePairsOff,))
