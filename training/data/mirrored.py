"""Scenes of a mirror made by `hub.mirror`, in a folder or in a dataset repo of the Hub."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hub.mirror import MANIFEST, Manifest
from hub.remote import Folder, Repo, source

LARGEST_MANIFEST = 1 << 26  # bytes


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Where rows are.

    - `name`: the folder, or the repo with its commit: what a run's files say of its data.
    - `files`: of each split, the path or address of each, and how many rows it has.
    - `finished`: whether `hub.mirror` came to its end.
    """

    name: str
    dataset: str
    files: Mapping[str, Mapping[str, int]]
    finished: bool

    def counts(self, split: str, most: int | None = None) -> list[int]:
        """How many rows of each file are among the first so many of a split; a `ValueError` if it
        has none.
        """
        if split not in self.files:
            raise ValueError(
                f"{self.name} has no row of split {split!r}; it has {', '.join(self.files)}."
            )
        ends = np.cumsum(list(self.files[split].values()))
        return np.diff(ends if most is None else np.minimum(ends, most), prepend=0).tolist()

    def count(self, split: str, most: int | None = None) -> int:
        """How many rows of a split there are, at most so many; a `ValueError` if it has none."""
        return sum(self.counts(split, most))


def open_mirror(name: str, dataset: str) -> Mirror:
    """The mirror in the folder of this name, or in the repo `user/name` or `user/name@revision`.

    Raises a `ValueError` if there is none, or one of another dataset; a `ConnectionError` if the
    Hub does not answer.
    """
    place = source(name, **({} if os.path.isdir(name) else dict(repo_type="dataset")))
    manifest = Manifest.read(_manifest_file(place), name)
    if manifest.dataset != dataset:
        raise ValueError(f"{name} is a mirror of {manifest.dataset}, not of {dataset}.")
    files: dict[str, dict[str, int]] = {}
    for shard in manifest.shards:
        if shard.rows:
            files.setdefault(shard.split, {})[_address(place, shard.file)] = shard.rows
    said = name if isinstance(place, Folder) else f"{place.repo_id}@{place.commit}"
    return Mirror(said, dataset, files, manifest.finished)


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
        path = os.path.abspath(place.path / file)
        if "::" in path:
            raise ValueError(
                f"{path} cannot be read, as '::' joins two addresses; rename a folder."
            )
        return path
    return f"hf://datasets/{place.repo_id}@{place.commit}/{file}"
