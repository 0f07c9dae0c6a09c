"""Scenes of a mirror made by `hub.mirror`, in a folder or in a dataset repo of the Hub."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hub.remote import Folder, Repo, source
from hub.rows import features
from hub.shards import MANIFEST, Manifest

if TYPE_CHECKING:
    from datasets import IterableDataset

LARGEST_MANIFEST = 1 << 26  # bytes
BUFFER = 1024  # rows among which the next one is drawn


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Where rows are.

    - `name`: the folder, or the repo with its commit: what a run's files say of its data.
    - `files`: of each split, by path or address. `rows`: how many those hold.
    """

    name: str
    dataset: str
    files: Mapping[str, list[str]]
    rows: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Cursor:
    """A place in the endless stream of a split: rows of this epoch that came before it."""

    epoch: int = 0
    row: int = 0


def opened(name: str, dataset: str) -> Mirror:
    """The mirror in the folder of this name, or in the repo `user/name` or `user/name@revision`.

    Raises a `ValueError` if there is none, or one of another dataset; a `ConnectionError` if the
    Hub does not answer.
    """
    place = source(name, **({} if os.path.isdir(name) else dict(repo_type="dataset")))
    manifest = Manifest.from_json(_manifest_file(place).read_text())
    if manifest.dataset != dataset:
        raise ValueError(f"{name} is a mirror of {manifest.dataset}, not of {dataset}.")
    if not manifest.finished:
        print(f"{name} is not finished: training on the {len(manifest.shards)} shards it has.")
    files: dict[str, list[str]] = {}
    rows: dict[str, int] = {}
    for shard in manifest.shards:
        if shard.rows:
            files.setdefault(shard.split, []).append(_address(place, shard.file))
            rows[shard.split] = rows.get(shard.split, 0) + shard.rows
    said = name if isinstance(place, Folder) else f"{place.repo_id}@{place.commit}"
    return Mirror(said, dataset, files, rows)


def _manifest_file(place: Folder | Repo) -> Path:
    try:
        return place.fetch(MANIFEST, LARGEST_MANIFEST)
    except ValueError as error:
        if "no such file" in str(error) or "holds no model" in str(error):
            where = place.path if isinstance(place, Folder) else place.repo_id
            raise ValueError(
                f"{where} holds no mirror: no {MANIFEST} there; make one with python -m hub.mirror."
            ) from error
        raise


def _address(place: Folder | Repo, file: str) -> str:
    if isinstance(place, Folder):
        return str(place.path / file)
    return f"hf://datasets/{place.repo_id}@{place.commit}/{file}"


def rows(mirror: Mirror, split: str, most: int | None = None) -> "IterableDataset":
    """The first `most` rows of a split, pictures not decoded, in the order of their source.

    Raises a `ValueError` with the splits there are for one that is not there.
    """
    from datasets import load_dataset

    if split not in mirror.files:
        raise ValueError(
            f"{mirror.name} has no row of split {split!r}; it has {', '.join(mirror.files)}."
        )
    found = load_dataset(
        "parquet",
        data_files={split: mirror.files[split]},
        split=split,
        streaming=True,
        features=features(),
    ).decode(False)
    return found if most is None or most >= mirror.rows[split] else found.take(most)


def shuffled(
    mirror: Mirror,
    split: str,
    most: int | None,
    seed: int,
    cursor: Cursor,
    *,
    host: int = 0,
    hosts: int = 1,
) -> Iterator[tuple[dict[str, Any], Cursor]]:
    """Rows without end, in another order every epoch, each with the cursor after it.

    The order depends on `seed` and the epoch only, so a stream that begins at such a cursor goes on
    as the one it came from did; the rows of the epoch before it are read once more, not decoded.
    Of several hosts each gets a part of every epoch, and no row goes to two.
    """
    from datasets.distributed import split_dataset_by_node

    part = split_dataset_by_node(rows(mirror, split, most), rank=host, world_size=hosts)
    epoch, done = cursor.epoch, cursor.row
    while True:
        # A generator of its own, as `set_epoch` says nothing to what comes before a `skip`. One
        # shard at a time, as opening many at once costs seconds an epoch.
        mixed = part.shuffle(
            generator=np.random.default_rng((seed, epoch)),
            buffer_size=BUFFER,
            max_buffer_input_shards=1,
        )
        number = done
        for number, row in enumerate(mixed.skip(done), start=done + 1):
            yield row, Cursor(epoch, number)
        if number == 0:
            raise ValueError(f"{mirror.name} has too few rows of {split!r} for {hosts} hosts.")
        epoch, done = epoch + 1, 0
