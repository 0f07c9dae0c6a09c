"""Rows of a mirror → pictures and label maps, cut and resized as published, in threads."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from hub.common.prefetch import parallel_map, prefetch
from hub.mirror import Row, decode_image, decode_labels

from .catalogue import Dataset, dataset
from .mirrored import Mirror
from .resize import Resize
from .scenes import Batches, Cursor, Images, Scenes
from .stream import LOOKED_AT, TRAINED_ON, rows, shuffled

Size = tuple[int, int]
Item = TypeVar("Item")
Made = TypeVar("Made")

THREADS = os.cpu_count() or 1
GROUP = 16  # rows that a thread decodes at once
GROUPS_AHEAD = 2 * THREADS
BATCHES_AHEAD = 2


@dataclasses.dataclass(frozen=True)
class Reader:
    """What becomes of a row of a split. All pictures are of the size of the first one."""

    where: str
    spec: Dataset
    resize: Resize

    def picture(self, row: Row) -> UInt8[np.ndarray, "p q 3"]:
        """What is looked at of the row's picture; a `ValueError` names the row."""
        with _naming(self.where, row):
            return self.resize.pick(self._cut(decode_image(row["image"]["bytes"])))

    def labels(self, row: Row) -> UInt8[np.ndarray, "h w"]:
        """The label map that the row is scored with; a `ValueError` names the row."""
        with _naming(self.where, row):
            if row["mask"] is None:
                raise ValueError("it has no mask, and cannot be scored.")
            cut = self._cut(decode_labels(row["mask"]["bytes"]))
            labels = self.spec.clean(self.resize.nearest(cut))
            if labels.max() >= self.spec.num_labels:
                raise ValueError(
                    f"its mask has label {labels.max()}; they go from 0 to "
                    f"{self.spec.num_labels - 1}."
                )
            return labels

    def _cut(self, picture: np.ndarray) -> np.ndarray:
        cut = picture[self.spec.crop(*picture.shape[:2])]
        if cut.shape[:2] != self.resize.source:
            sizes = ["×".join(map(str, size)) for size in (cut.shape[:2], self.resize.source)]
            raise ValueError(f"its picture or mask is {sizes[0]}; those before it are {sizes[1]}.")
        return cut


@contextlib.contextmanager
def _naming(where: str, row: Row) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}, index {row['index']}: {error}") from error


def reader(mirror: Mirror, split: str, size: Size) -> Reader:
    """The reader of a split, which becomes pictures of this size; looks at the first row."""
    spec, where = dataset(mirror.dataset), f"{mirror.name}, split {split}"
    first = next(rows(mirror, split))
    with _naming(where, first):
        picture = decode_image(first["image"]["bytes"])
        cut = picture[spec.crop(*picture.shape[:2])]
    return Reader(where, spec, Resize(cut.shape[:2], size))


def stream_split(
    mirror: Mirror, size: Size, *, batch_size: int, most: int, seed: int, cursor: Cursor
) -> Batches:
    """Batches of the training set without end, the next two on the device before they are asked
    for. Of several hosts each gets rows of its own.
    """
    read = reader(mirror, "train", size)
    hosts = dict(host=jax.process_index(), hosts=jax.process_count())
    found = shuffled(mirror, "train", most, seed, cursor, **hosts)

    def batches() -> Batches:
        made = _decoded(lambda pair: (read.picture(pair[0]), pair[1]), found)
        with contextlib.closing(made):
            while batch := list(islice(made, batch_size)):
                images = Images(np.stack([pixels for pixels, _ in batch]), read.resize)
                yield jax.device_put(images), batch[-1][1]

    return prefetch(batches(), BATCHES_AHEAD)


def cache_split(mirror: Mirror, size: Size, most: int) -> Images:
    """The training set in memory, what is looked at of it, decoded once."""
    read = reader(mirror, "train", size)
    (pixels,) = _gathered(
        mirror, "train", most, lambda row: (read.picture(row),), columns=TRAINED_ON
    )
    return Images(pixels, read.resize)


def load_split(mirror: Mirror, split: str, size: Size, most: int | None = None) -> Scenes:
    """The first scenes of a split in memory, all of them by default."""
    read = reader(mirror, split, size)
    pixels, labels = _gathered(
        mirror, split, most, lambda row: (read.picture(row), read.labels(row))
    )
    return Scenes(Images(pixels, read.resize), labels)


def _decoded(decode: Callable[[Item], Made], found: Iterable[Item]) -> Generator[Made, None, None]:
    return parallel_map(decode, found, THREADS, GROUPS_AHEAD, GROUP)


def _gathered(
    mirror: Mirror,
    split: str,
    most: int | None,
    decode: Callable[[Row], tuple[np.ndarray, ...]],
    columns: Sequence[str] = LOOKED_AT,
) -> tuple[np.ndarray, ...]:
    count = mirror.count(split, most)
    made = _decoded(decode, rows(mirror, split, most, columns))
    arrays: tuple[np.ndarray, ...] = ()
    with contextlib.closing(made):
        bar = tqdm(made, total=count, unit="row", desc=split, leave=False, dynamic_ncols=True)
        for number, parts in enumerate(bar):
            if not arrays:
                arrays = tuple(np.empty((count, *part.shape), part.dtype) for part in parts)
                size = sum(array.nbytes for array in arrays)
                bar.set_postfix_str(f"{size / 1e9:.2f} GB")
            for array, part in zip(arrays, parts, strict=True):
                array[number] = part
    return arrays
