"""Procedural scenes as a release that `hub.mirror` can convert: rows with true poses."""

import functools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hub.mirror import Record, Release, Row, make_row
from isa_eqx import Frame, published

from .catalogue import Dataset, Size, dataset
from .drawing import HELD_OUT, draw_scenes
from .scenes import Scenes

CHUNK = 4  # scenes that a thread of `hub.mirror` draws at once


def procedural_release(name: str, splits: Sequence[str] = (), limit: int | None = None) -> Release:
    """Return the procedural scenes of a dataset, in the published size, as a release.

    - `splits`: the splits that it has records of, by default all.
    - `limit`: the largest number of records in each; by default training sets are as large as the
      published one.
    """
    spec, size = dataset(name), published(name).image_size
    height, width = size

    def records(name: str, sources: Sequence[Path]) -> Iterator[Record]:
        return _records(spec, size, splits or tuple(spec.draw), limit)

    return Release(
        f"{name}, procedural",
        records,
        splits=tuple(spec.draw),
        about=f"{spec.about_drawn} They are {height}×{width} pixels, cropped as the paper crops "
        "the release. `objects` has the true frame of each object.",
        homepage="",
        licence="apache-2.0",
        terms="The scenes are drawn by isa-eqx, and are under its licence, Apache 2.0.",
    )


def _records(
    spec: Dataset, size: Size, splits: Sequence[str], limit: int | None
) -> Iterator[Record]:
    """Iterate over the records of splits. Scenes are drawn when the first row asks for one."""
    counts = {split: spec.num_train if split.endswith("train") else HELD_OUT for split in splits}
    if limit is not None:
        counts = {split: min(count, limit) for split, count in counts.items()}
    before, total = 0, sum(counts.values())
    for split, count in counts.items():
        for start in range(0, count, CHUNK):
            chunk = _Chunk(spec, split, size, np.arange(start, min(start + CHUNK, count)))
            for index in range(start, min(start + CHUNK, count)):
                make = functools.partial(chunk.row, index)
                name = f"procedural {split}, scene {index}"
                yield Record(name, split, (before + index) / total, make)
        before += count


class _Chunk:
    """Consecutive scenes, drawn once, by the thread that is the first to want one."""

    def __init__(self, spec: Dataset, split: str, size: Size, indices: np.ndarray):
        self._draw = functools.partial(draw_scenes, spec, split, size, indices)
        self._first, self._background = int(indices[0]), spec.first_object
        self._lock, self._scenes = threading.Lock(), None

    def row(self, index: int) -> Row:
        """Make the row of a scene."""
        with self._lock:
            if self._scenes is None:
                self._scenes = self._draw()
        return _row(index, self._scenes, index - self._first, self._background)


def _row(index: int, scenes: Scenes, place: int, first_object: int) -> Row:
    assert scenes.labels is not None and scenes.poses is not None
    labels, poses = scenes.labels[place], scenes.poses
    seen = np.isin(np.arange(1, len(poses.position[place])), labels)
    is_object = seen & (np.arange(1, len(seen) + 1) >= first_object)
    return make_row(
        index,
        np.asarray(scenes.images.pixels[place]),
        labels,
        num_objects=int(is_object.sum()),
        visibility=seen.tolist(),
        objects=_frames(poses, place, is_object),
    )


def _frames(poses: Frame, place: int, is_object: np.ndarray) -> dict[str, Any]:
    """Return the frames of labels 1, 2, …, NaN where there is no object."""
    position, scale, turn = (
        np.asarray(array)[place, 1:] for array in (poses.position, poses.scale, poses.rotation)
    )
    angle = np.arctan2(turn[:, 1, 0], turn[:, 0, 0])
    return {
        name: np.where(is_object.reshape(-1, *[1] * (array.ndim - 1)), array, np.nan).tolist()
        for name, array in (("position", position), ("scale", scale), ("rotation", angle))
    }
