"""Locates a mirror made by `hub.mirror`, in a folder or in a dataset repo of the Hub."""

import collections
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hub.mirror import MANIFEST, MAX_MANIFEST_BYTES, PROCEDURAL, Manifest
from hub.remote import Folder, Repo, locate

from .catalogue import DATASETS, SPLITS


@dataclasses.dataclass(frozen=True)
class Mirror:
    """A mirror and its files.

    - `name`: its folder, or its repo with the commit, as recipes and cards have it.
    - `files`: for each split, the number of rows of each file, by path or URL.
    - `masks`: for each split, the number of rows with a label map.
    - `finished`: whether `hub.mirror` has finished it.
    - `is_procedural`: whether its scenes were drawn by this library.
    """

    name: str
    dataset: str
    files: Mapping[str, Mapping[str, int]]
    masks: Mapping[str, int]
    finished: bool
    is_procedural: bool

    def counts(self, split: str, max_rows: int | None = None) -> list[int]:
        """Return how many of the first `max_rows` rows of a split are in each of its files.

        Raises a `ValueError` if there is no such split.
        """
        if split not in self.files:
            raise ValueError(
                f"{self.name} has no row of split {split!r}; it has {', '.join(self.files)}."
                f"{self._where(split)}"
            )
        ends = np.cumsum(list(self.files[split].values()))
        return np.diff(ends if max_rows is None else np.minimum(ends, max_rows), prepend=0).tolist()

    def _where(self, split: str) -> str:
        """Return where the split of a subset is to be had, `""` if it is none that is drawn."""
        subset, _, part = split.rpartition("_")
        if not subset or part not in SPLITS or split not in DATASETS[self.dataset].draw:
            return ""
        return (
            f" {subset} is drawn: leave out --data, or python -m hub.mirror {self.dataset} "
            f"--source {PROCEDURAL} --split {subset}_train {subset}_validation --to FOLDER."
        )

    def count(self, split: str, max_rows: int | None = None) -> int:
        """Return the number of rows of a split, at most `max_rows`. Errors: see `counts`."""
        return sum(self.counts(split, max_rows))

    def has_masks(self, split: str) -> bool:
        """Return whether every row of a split has a label map. Errors: see `counts`."""
        return self.masks.get(split) == self.count(split)


def open_mirror(name: str, dataset: str) -> Mirror:
    """Open the mirror in a folder, or in the repo `user/name` or `user/name@revision`.

    - `dataset`: the dataset that it must be a mirror of.

    Raises a `ValueError` if there is no such mirror; a `ConnectionError` if the Hub does not
    answer.
    """
    place = locate(name, **({} if os.path.isdir(name) else dict(repo_type="dataset")))
    manifest = Manifest.read(_manifest_file(place), name)
    if manifest.dataset != dataset:
        raise ValueError(f"{name} is a mirror of {manifest.dataset}, not of {dataset}.")
    files: dict[str, dict[str, int]] = {}
    masks: collections.Counter[str] = collections.Counter()
    for shard in manifest.shards:
        if shard.rows:
            files.setdefault(shard.split, {})[_address(place, shard.file)] = shard.rows
            masks[shard.split] += shard.masks
    said = name if isinstance(place, Folder) else f"{place.repo_id}@{place.commit}"
    return Mirror(said, dataset, files, masks, manifest.finished, manifest.is_procedural)


def _manifest_file(place: Folder | Repo) -> Path:
    try:
        return place.fetch(MANIFEST, MAX_MANIFEST_BYTES)
    except ValueError as error:
        if "no such file" in str(error) or "holds no model" in str(error):
            where = place.path if isinstance(place, Folder) else place.repo_id
            raise ValueError(
                f"{where} holds no mirror: no {MANIFEST} there; make one with python -m hub.mirror."
            ) from error
        raise


def _address(place: Folder | Repo, file: str) -> str:
    if isinstance(place, Folder):
        path = os.path.abspath(place.path / file)
        if "::" in path:
            raise ValueError(
                f"{path} cannot be read, as '::' joins two addresses; rename a folder."
            )
        return path
    return f"hf://datasets/{place.repo_id}@{place.commit}/{file}"
