"""Decodes rows of a mirror to images and label maps, cropped and resized as published."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt8

from hub.common.prefetch import batched, parallel_map, prefetch
from hub.common.terminal import progress_bar
from hub.mirror import Row, decode_image, decode_labels

from .catalogue import Dataset, Size, dataset
from .cropping import full_crop, unchanged
from .fitting import resize_image, shape_crop
from .mirrored import Mirror
from .resize import Resize
from .scenes import Images, Place, Scenes
from .stream import SCORED_COLUMNS, TRAINED_COLUMNS, read_rows, stream_rows

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = os.cpu_count() or 1
GROUP = 16  # rows that a thread decodes at once
GROUPS_AHEAD = 2 * THREADS
BATCHES_AHEAD = 2
PART = 64  # images that are handed on at once


@dataclasses.dataclass(frozen=True)
class RowDecoder:
    """Decodes the rows of a split. All images must have the size of the first one."""

    where: str
    spec: Dataset
    resize: Resize

    def image(self, row: Row) -> UInt8[np.ndarray, "p q 3"]:
        """Return the cropped part of the image, as `Resize.pick` keeps it. Errors name the row."""
        with _naming(self.where, row):
            return self.resize.pick(self._cut(decode_image(_content(row["image"]))))

    def labels(self, row: Row) -> UInt8[np.ndarray, "h w"]:
        """Return the label map to score, resized and cleaned. Errors name the row."""
        with _naming(self.where, row):
            if row["mask"] is None:
                raise ValueError("it has no mask, and cannot be scored.")
            cut = self._cut(decode_labels(_content(row["mask"])))
            labels = self.spec.clean_labels(self.resize.nearest(cut))
            if labels.max() >= self.spec.num_labels:
                raise ValueError(
                    f"its mask has label {labels.max()}; they go from 0 to "
                    f"{self.spec.num_labels - 1}."
                )
            return labels

    def _cut(self, image: np.ndarray) -> np.ndarray:
        cut = image[self.spec.crop(*image.shape[:2])]
        if cut.shape[:2] != self.resize.source:
            sizes = ["×".join(map(str, size)) for size in (cut.shape[:2], self.resize.source)]
            raise ValueError(f"its picture or mask is {sizes[0]}; those before it are {sizes[1]}.")
        return cut


class OwnDecoder(RowDecoder):
    """Decodes rows whose images are of any size, each fitted to the model's."""

    def _cut(self, image: np.ndarray) -> np.ndarray:
        size = self.resize.size
        cut = image[shape_crop(size)(*image.shape[:2])]
        return (
            resize_image(cut, size) if image.ndim == 3 else Resize(cut.shape[:2], size).nearest(cut)
        )


@contextlib.contextmanager
def _naming(where: str, row: Row) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}, index {row['index']}: {error}") from error


def _content(cell: Mapping[str, Any] | None) -> bytes | None:
    """Return the file in a cell of a mirror, which may be a stranger's and hold none."""
    return None if cell is None else cell.get("bytes")


def make_row_decoder(mirror: Mirror, split: str, size: Size) -> RowDecoder:
    """Return a decoder to images of `size`, made for the size of the split's first image."""
    spec, where = dataset(mirror.dataset), f"{mirror.name}, split {split}"
    if mirror.is_procedural:  # drawn as a model sees them
        spec = dataclasses.replace(spec, crop=full_crop, clean_labels=unchanged)
    if spec.own:
        return OwnDecoder(where, spec, Resize(size, size))
    first = next(read_rows(mirror, split))
    with _naming(where, first):
        image = decode_image(_content(first["image"]))
        cut = image[spec.crop(*image.shape[:2])]
    return RowDecoder(where, spec, Resize(cut.shape[:2], size))


def stream_split(
    mirror: Mirror, split: str, size: Size, *, max_rows: int, place: Place
) -> Generator[Images, None, None]:
    """Iterate over shuffled batches of a split without end, computed two batches ahead.

    On several hosts, each gets its own rows.
    """
    read = make_row_decoder(mirror, split, size)
    found = stream_rows(mirror, split, max_rows, place)

    def batches() -> Generator[Images, None, None]:
        made = _decoded(read.image, found)
        with contextlib.closing(made):
            while batch := list(islice(made, place.batch_size // place.hosts)):
                yield Images(np.stack(batch), read.resize)

    return prefetch(batches(), BATCHES_AHEAD)


def read_images(
    mirror: Mirror, split: str, size: Size, first: int, end: int
) -> Generator[Images, None, None]:
    """Decode the images of a split from one number to before another, in parts, in order."""
    read = make_row_decoder(mirror, split, size)
    found = islice(read_rows(mirror, split, end, TRAINED_COLUMNS), first, None)
    with contextlib.closing(_decoded(read.image, found)) as made:
        for part in batched(made, PART):
            yield Images(np.stack(part), read.resize)


def cache_split(mirror: Mirror, split: str, size: Size, max_rows: int | None) -> Images:
    """Decode the images of a split into memory."""
    read = make_row_decoder(mirror, split, size)
    (pixels,) = _gathered(
        mirror, split, max_rows, lambda row: (read.image(row),), columns=TRAINED_COLUMNS
    )
    return Images(pixels, read.resize)


def load_split(mirror: Mirror, split: str, size: Size, max_rows: int | None = None) -> Scenes:
    """Decode the first `max_rows` scenes of a split into memory, by default all.

    Labels are `None` of the user's own images if not every one has a label map.
    """
    read = make_row_decoder(mirror, split, size)
    if read.spec.own and not mirror.has_masks(split):
        return Scenes(cache_split(mirror, split, size, max_rows), None)
    pixels, labels = _gathered(
        mirror, split, max_rows, lambda row: (read.image(row), read.labels(row))
    )
    return Scenes(Images(pixels, read.resize), labels)


def _decoded(
    decode: Callable[[Item], Result], found: Iterable[Item]
) -> Generator[Result, None, None]:
    return parallel_map(decode, found, THREADS, GROUPS_AHEAD, GROUP)


def _gathered(
    mirror: Mirror,
    split: str,
    max_rows: int | None,
    decode: Callable[[Row], tuple[np.ndarray, ...]],
    columns: Sequence[str] = SCORED_COLUMNS,
) -> tuple[np.ndarray, ...]:
    count = mirror.count(split, max_rows)
    made = _decoded(decode, read_rows(mirror, split, max_rows, columns))
    arrays: tuple[np.ndarray, ...] = ()
    with contextlib.closing(made):
        bar = progress_bar(iterable=made, total=count, unit="row", desc=split, leave=False)
        for number, parts in enumerate(bar):
            if not arrays:
                arrays = tuple(np.empty((count, *part.shape), part.dtype) for part in parts)
                size = sum(array.nbytes for array in arrays)
                bar.set_postfix_str(f"{size / 1e9:.2f} GB")
            for array, part in zip(arrays, parts, strict=True):
                array[number] = part
    return arrays
