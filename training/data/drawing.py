"""Scenes that are drawn by this library: in memory, or while they are trained on."""

import contextlib
import os
from collections.abc import Generator
from typing import Any

import jax
import numpy as np
from jaxtyping import Int, UInt8
from tqdm import tqdm

from hub.common.prefetch import parallel_map

from .catalogue import Dataset
from .procedural.world import Drawn
from .resize import Resize
from .scenes import Batches, Cursor, Images, Scenes, image_order, shuffled_batches

HELD_OUT = 1000  # scenes in validation and in test
CHUNK = 64  # scenes that a thread draws at once
THREADS = os.cpu_count() or 1
CHUNKS_AHEAD = 4 * THREADS

Rows = Int[np.ndarray, " b"]


def draw_split(spec: Dataset, split: str, count: int = HELD_OUT) -> Scenes:
    """Draw the first `count` scenes of a split, in the size that they are drawn in."""
    chunks = _draw(spec, split, np.arange(count))
    bar = tqdm(
        total=count, desc=f"drawing {split}", unit="scene", leave=False, dynamic_ncols=True,
        disable=count <= CHUNK,
    )  # fmt: skip
    parts = []
    with contextlib.closing(chunks), bar:
        for rows, drawn in chunks:
            parts.append(drawn)
            bar.update(len(rows))
    drawn = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    size = drawn.labels.shape[1:]
    return Scenes(Images(drawn.images, Resize(size, size)), drawn.labels, drawn.poses)


def draw_batches(spec: Dataset, count: int, size: int, seed: int, cursor: Cursor) -> Batches:
    """Iterate over the batches of `shuffled_batches`, drawing images when they first come.

    Threads draw ahead of the batches, in the order in which these need the images, which are then
    kept in memory.

    - `count`: images in the training set. - `size`: images in a batch.
    """
    chunks = _draw(spec, "train", image_order(count, seed, cursor))
    with contextlib.closing(chunks):
        yield from shuffled_batches(_WhileDrawn(chunks, count), size, seed, cursor)


class _WhileDrawn:
    """Images, those not drawn yet included: they are waited for when they are asked for."""

    def __init__(self, chunks: Generator[tuple[Rows, Drawn], None, None], count: int):
        self._chunks, self._is_drawn = chunks, np.zeros(count, bool)
        self._pixels: UInt8[np.ndarray, "n h w 3"] | None = None

    def __len__(self) -> int:
        return len(self._is_drawn)

    def __getitem__(self, chosen: Rows) -> Images:
        while self._pixels is None or not self._is_drawn[chosen].all():
            rows, drawn = next(self._chunks)
            if self._pixels is None:
                self._pixels = np.empty((len(self), *drawn.images.shape[1:]), np.uint8)
            self._pixels[rows] = drawn.images
            self._is_drawn[rows] = True
        size = self._pixels.shape[1:3]
        return Images(self._pixels[chosen], Resize(size, size))


def _draw(spec: Dataset, split: str, order: Rows) -> Generator[tuple[Rows, Drawn], None, None]:
    """Draw scenes of a split, in this order, in threads on the host's CPU."""
    draw, cpu = spec.draw[split], jax.local_devices(backend="cpu")[0]
    size = min(CHUNK, 1 << (len(order) - 1).bit_length())

    def drawn(rows: Rows) -> tuple[Rows, Drawn]:
        # Always a full chunk, so that one program serves every count.
        indices = np.resize(rows, size).astype(np.uint32)
        found: Any = jax.device_get(draw(jax.device_put(indices, cpu)))
        return rows, jax.tree.map(lambda array: array[: len(rows)], found)

    chunks = (order[start : start + CHUNK] for start in range(0, len(order), CHUNK))
    return parallel_map(drawn, chunks, THREADS, CHUNKS_AHEAD)
