"""Scenes that are drawn by this library: in memory, or while they are trained on."""

import contextlib
import os
from collections.abc import Generator
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from hub.common.prefetch import parallel_map
from hub.common.terminal import progress_bar

from .catalogue import Dataset, Size
from .resize import Resize
from .scenes import Images, Place, Scenes, image_order, shuffled_batches

HELD_OUT = 1000  # scenes in validation and in test
CHUNK = 64  # scenes that a thread draws at once
MOST_ROWS = 128  # that are drawn, as in the largest published images
THREADS = os.cpu_count() or 1
CHUNKS_AHEAD = 4 * THREADS

Rows = Int[np.ndarray, " b"]


def draw_scenes(spec: Dataset, split: str, size: Size, indices: Rows) -> Scenes:
    """Draw scenes of a split, by index, on the host's CPU.

    - `size`: height and width that images and label maps come in. Scenes are drawn in it, those of
      more rows than published in a smaller one of the same shape, and enlarged.
    """
    cpu = jax.local_devices(backend="cpu")[0]
    here = jax.device_put(indices.astype(np.uint32), cpu)
    smaller = min(1, MOST_ROWS / size[0])
    drawn_size = round(size[0] * smaller), round(size[1] * smaller)
    drawn: Any = jax.device_get(spec.draw[split](here, drawn_size))
    resize = Resize(drawn.labels.shape[1:], size)
    images = np.stack([resize.pick(image) for image in drawn.images])
    labels = np.stack([resize.nearest(found) for found in drawn.labels])
    return Scenes(Images(images, resize), labels, drawn.poses)


def draw_split(spec: Dataset, split: str, size: Size, count: int = HELD_OUT) -> Scenes:
    """Draw the first `count` scenes of a split; `size` as for `draw_scenes`."""
    chunks = _draw(spec, split, size, np.arange(count))
    bar = progress_bar(
        total=count, desc=f"drawing {split}", unit="scene", leave=False, disable=count <= CHUNK
    )
    parts = []
    with contextlib.closing(chunks), bar:
        for rows, scenes in chunks:
            parts.append(scenes)
            bar.update(len(rows))
    images = np.concatenate([part.images.pixels for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    poses = jax.tree.map(lambda *arrays: np.concatenate(arrays), *(part.poses for part in parts))
    return Scenes(Images(images, parts[0].images.resize), labels, poses)


def draw_images(
    spec: Dataset, split: str, size: Size, first: int, end: int
) -> Generator[Images, None, None]:
    """Draw the images of a split from one number to before another, in parts, in order."""
    with contextlib.closing(_draw(spec, split, size, np.arange(first, end))) as chunks:
        yield from (scenes.images for _, scenes in chunks)


def draw_batches(
    spec: Dataset, split: str, size: Size, *, count: int, place: Place
) -> Generator[Images, None, None]:
    """Iterate over the batches of `shuffled_batches`, drawing images when they first come.

    Threads draw ahead of the batches, in the order in which these need the images, which are then
    kept in memory. Every host draws all of them.

    - `count`: images in the training set.
    """
    chunks = _draw(spec, split, size, image_order(count, place))
    with contextlib.closing(chunks):
        yield from shuffled_batches(_WhileDrawn(chunks, count), place)


class _WhileDrawn:
    """Images, those not drawn yet included: they are waited for when they are asked for."""

    def __init__(self, chunks: Generator[tuple[Rows, Scenes], None, None], count: int):
        self._chunks, self._is_drawn = chunks, np.zeros(count, bool)
        self._images: Images | None = None

    def __len__(self) -> int:
        return len(self._is_drawn)

    def __getitem__(self, chosen: Rows) -> Images:
        while self._images is None or not self._is_drawn[chosen].all():
            rows, scenes = next(self._chunks)
            pixels = scenes.images.pixels
            if self._images is None:
                room = np.empty((len(self), *pixels.shape[1:]), np.uint8)
                self._images = Images(room, scenes.images.resize)
            self._images.pixels[rows] = pixels
            self._is_drawn[rows] = True
        return self._images[chosen]


def _draw(
    spec: Dataset, split: str, size: Size, order: Rows
) -> Generator[tuple[Rows, Scenes], None, None]:
    """Draw scenes of a split, in this order, in threads."""
    chunk = min(CHUNK, 1 << (len(order) - 1).bit_length())

    def drawn(rows: Rows) -> tuple[Rows, Scenes]:
        # Always a full chunk, so that one program serves every count.
        return rows, draw_scenes(spec, split, size, np.resize(rows, chunk))[: len(rows)]

    chunks = (order[start : start + CHUNK] for start in range(0, len(order), CHUNK))
    return parallel_map(drawn, chunks, THREADS, CHUNKS_AHEAD)
