"""Mirror a dataset: `python -m hub.mirror clevr --source FILE --to user/isa-clevr`."""

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
from .files import atomic_file, remove_unfinished
from .mirror_card import SAMPLES, dataset_card, draw_samples
from .originals import fingerprints, records, release
from .progress import Progress
from .rows import Row
from .shards import MANIFEST, Manifest, Shard, write_shard
from .targets import Target, chosen_target
from .unfinished import check, continued, left
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
    check(dataset, sources, target, splits)
    if limit is not None and limit < 1 or shard_mb < 1:
        raise ValueError(f"--limit and --shard-mb must be at least 1, got {limit} and {shard_mb}.")
    wanted = Manifest(dataset, *fingerprints(sources), sorted(splits), limit, shard_mb)
    manifest = continued(target, wanted)
    if manifest.finished:
        return manifest
    full = {split for split in known if limit is not None and manifest.done(split)[2] >= limit}
    there: set[str] = set()  # the splits that the source has
    todo = left(records(dataset, sources), manifest, full, set(splits or known), there)
    made = in_threads(lambda record: (record, record.row()), todo, THREADS, 4 * THREADS)
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
        remove_unfinished(folder, MANIFEST, CARD, SAMPLES)
        remove_unfinished(folder / "data", "*.parquet")
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
        _finish(target, folder, manifest, splits, there)
    return manifest


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


def _keep(
    target: Target, folder: Path, manifest: Manifest, shard: Shard, samples: Sequence[Row]
) -> None:
    """Put a finished shard where the target is, at last with the manifest that says so."""
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
    _write(folder, dataclasses.replace(manifest, shards=[*manifest.shards, shard]))
    target.put(folder, [*files, MANIFEST], f"Add {shard.file}")
    manifest.shards.append(shard)


def _finish(
    target: Target, folder: Path, manifest: Manifest, splits: Sequence[str], there: set[str]
) -> None:
    """Write the card; a `ValueError` if a split that was asked for is empty."""
    rows = {split: manifest.done(split)[2] for split in splits}
    empty = [split for split, count in rows.items() if not count]
    if empty or not any(shard.rows for shard in manifest.shards):
        raise ValueError(
            f"the source has no row of split {' or '.join(empty) or 'train'}; it has "
            f"{', '.join(sorted(there.difference(empty))) or 'none at all'}."
        )
    manifest.finished = True
    with atomic_file(folder / CARD) as path:
        # What a folder is called may be no UTF-8.
        path.write_text(dataset_card(manifest, target.name), "utf-8", "backslashreplace")
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
        to: A repo of the Hub, made if absent; or a folder, such as ./clevr or /data/clevr.
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
