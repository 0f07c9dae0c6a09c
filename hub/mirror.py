"""Mirror a dataset: `python -m hub.mirror clevr --source FILE --to user/isa-clevr`."""

import collections
import contextlib
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import tyro
from tqdm import tqdm
from tyro.conf import Positional

from .ahead import in_threads
from .files import atomic_file
from .mirror_card import SAMPLES, dataset_card, draw_samples
from .originals import Record, fingerprint, records, release
from .rows import Row
from .shards import MANIFEST, Manifest, Shard, write_shard
from .targets import Target, chosen_target
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
    for split in splits:
        if split not in known:
            raise ValueError(f"{dataset} has no split {split!r}; it has {', '.join(known)}.")
    if limit is not None and limit < 1 or shard_mb < 1:
        raise ValueError(f"--limit and --shard-mb must be at least 1, got {limit} and {shard_mb}.")
    wanted = Manifest(dataset, fingerprint(sources), sorted(splits), limit, shard_mb)
    manifest = _continued(target, wanted)
    full = {split for split in known if limit is not None and manifest.done(split)[2] >= limit}
    left = _left(records(dataset, sources), manifest, full, set(splits or known))
    made = in_threads(lambda record: (record, record.row()), left, THREADS, 4 * THREADS)
    with target.folder() as folder, contextlib.closing(made), _bar(manifest) as bar:
        samples: dict[str, list[Row]] = collections.defaultdict(list)
        for split, group in itertools.groupby(_watched(made, bar, samples), lambda p: p[0].split):
            for pair in group:
                number, _, rows = manifest.done(split)
                most = sys.maxsize if limit is None else limit - rows
                if most == 0:
                    continue  # made before it was known that there are enough
                rest = itertools.chain([pair], group)  # noqa: B031
                shard = write_shard(folder, number, split, rest, shard_mb * MEGABYTE, most)
                _keep(target, folder, manifest, shard, samples[split])
                full |= {split} if shard.rows == most else set()
    _finish(target, manifest, splits)
    return manifest


def _continued(target: Target, wanted: Manifest) -> Manifest:
    """What is finished of a mirror, or the manifest of a new one."""
    found = target.manifest()
    if found is None:
        target.claim()
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


def _bar(manifest: Manifest) -> tqdm:
    done = sum(shard.rows for shard in manifest.shards)
    if done:
        print(f"Going on after {len(manifest.shards)} finished shards, {done:,} rows.")
    return tqdm(initial=done, unit="row", dynamic_ncols=True, desc=manifest.dataset)


def _watched(
    made: Iterator[tuple[Record, Row | None]], bar: tqdm, samples: dict[str, list[Row]]
) -> Iterator[tuple[Record, Row | None]]:
    """The same, shown on the bar, which guesses the end from how much of the source is read. The
    first rows of each split are remembered.
    """
    start, first = bar.n, None
    for record, row in made:
        first = record.part if first is None else first
        if row is not None and len(samples[record.split]) < SHOWN:
            samples[record.split].append(row)
        bar.n += row is not None
        if record.part > first:
            bar.total = round(start + (bar.n - start) * (1 - first) / (record.part - first))
        bar.update(0)
        yield record, row
    bar.total = bar.n


def _keep(
    target: Target, folder: Path, manifest: Manifest, shard: Shard, samples: Sequence[Row]
) -> None:
    """Put a finished shard where the target is, with the manifest that says so."""
    manifest.shards.append(shard)
    files = [MANIFEST]
    with atomic_file(folder / MANIFEST) as path:
        path.write_text(manifest.to_json())
    if shard.rows:
        files.append(shard.file)
    else:
        (folder / shard.file).unlink()
    if len(manifest.shards) == 1 and samples:
        draw_samples(samples, folder / SAMPLES)
        files.append(SAMPLES)
    target.put(folder, files, f"Add {shard.file}")


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
        for file, text in {
            CARD: dataset_card(manifest, target.name),
            MANIFEST: manifest.to_json(),
        }.items():
            with atomic_file(folder / file) as path:
                path.write_text(text, encoding="utf-8")
        target.put(folder, [CARD, MANIFEST], "Finish the mirror")


def main(
    dataset: Annotated[Positional[str], tyro.conf.arg(metavar="DATASET")],
    source: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH …]")],
    to: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")],
    split: Annotated[tuple[str, ...], tyro.conf.arg(metavar="SPLIT [SPLIT …]")] = (),
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
        to: A repo of the Hub, made if absent; or a folder, which has no slash in its name, several,
            or begins with a dot.
        split: Which splits; all of them by default.
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
        sys.exit(f"error: {error}\nFinished shards stay; the same command goes on from there.")
    for name in sorted({shard.split for shard in done.shards}):
        shards, _, rows = done.done(name)
        print(f"  {name:12} {rows:>9,} rows in {shards} files")
    print(f"python -m training.run --dataset {dataset} --data {target.name}")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m hub.mirror", config=(tyro.conf.FlagCreatePairsOff,))
