"""Waymo Open (Sun et al. 2020), the front camera: parquet files of v2, TFRecords of v1.4.

Pictures stay the JPEGs that they are. Label = panoptic label modulo its divisor: the instance.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..rows import Row, decode_labels, row
from . import wire
from .source import Record, files, payloads

FRONT = 1
KEYS = "key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name"
IMAGE = "[CameraImageComponent].image"
_LABEL = "[CameraSegmentationLabelComponent].panoptic_label"
LABELS = _LABEL, f"{_LABEL}_divisor"
MIN_LABELS = 2  # in a frame to validate on


def records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """The frames of the front camera, in the order of the files.

    The split is that of the publisher's folders: `training`, `validation`, `testing…`, where the
    path has one of them, else `train`. To validate on are frames with at least two labels.
    """
    found = files(sources, "*.parquet", "*.tfrecord*")
    tables = [path for path in found if path.suffix == ".parquet"]
    frames = _of_tables(tables) if tables else _of_frames(found)
    counts: dict[str, int] = {}
    for path, name, part, image, label in frames:
        split = _split(path)
        index = counts[split] = counts.get(split, -1) + 1
        yield Record(name, split, part, functools.partial(_row, index, image, label, split))


Frame = tuple[Path, str, float, bytes, tuple[bytes, int] | None]


def _split(path: Path) -> str:
    folders = path.parent.parts
    if any(name.startswith("testing") for name in folders):
        return "test"
    return "validation" if "validation" in folders else "train"


def _row(index: int, image: bytes, label: tuple[bytes, int] | None, split: str) -> Row | None:
    mask = None
    if label is not None:
        panoptic, divisor = label
        if divisor < 1:
            raise ValueError(f"its panoptic divisor is {divisor}.")
        mask = decode_labels(panoptic).astype(np.int64) % divisor
    if split == "validation" and (mask is None or len(np.unique(mask)) < MIN_LABELS):
        return None
    return row(index, image, mask)


def _of_tables(paths: Sequence[Path]) -> Iterator[Frame]:
    from pyarrow.parquet import ParquetFile

    columns = {path: set(ParquetFile(path).schema_arrow.names) for path in paths}
    with_images = [path for path in paths if IMAGE in columns[path]]
    if not with_images:
        raise ValueError(f"no parquet file among the sources has a column {IMAGE}.")
    labelled = _labelled([path for path in paths if LABELS[0] in columns[path]])
    total = sum(ParquetFile(path).metadata.num_rows for path in with_images)
    done = 0
    for path in with_images:
        number = 0
        for batch in ParquetFile(path).iter_batches(16, columns=[*KEYS, IMAGE]):
            for line in batch.to_pylist():
                key = tuple(line[name] for name in KEYS)
                if key[2] == FRONT:
                    name = f"{path}, row {number}"
                    label = _label(*labelled[key]) if key in labelled else None
                    yield path, name, done / total, line[IMAGE], label
                number, done = number + 1, done + 1


def _labelled(paths: Sequence[Path]) -> dict[tuple[Any, ...], tuple[Path, int]]:
    """Where the label of a frame is: the file and the row."""
    from pyarrow.parquet import ParquetFile

    found = {}
    for path in paths:
        keys = ParquetFile(path).read(list(KEYS)).to_pylist()
        found |= {tuple(k.values()): (path, n) for n, k in enumerate(keys) if k[KEYS[2]] == FRONT}
    return found


def _label(path: Path, number: int) -> tuple[bytes, int]:
    found = _labels(path)[number]
    return found[LABELS[0]], found[LABELS[1]]


@functools.lru_cache(maxsize=2)
def _labels(path: Path) -> list[dict[str, Any]]:
    """The labels of a file, which has those of one drive of twenty seconds."""
    from pyarrow.parquet import ParquetFile

    return ParquetFile(path).read(list(LABELS)).to_pylist()


def _of_frames(paths: Sequence[Path]) -> Iterator[Frame]:
    for path, number, part, payload in payloads(paths):
        name = f"{path}, record {number}"
        try:
            images = [v for n, v in wire.fields(memoryview(payload)) if n == 4]
            fronts = [image for image in map(_message, images) if image.get(1) == FRONT]
            for image in fronts:
                label = _message(image[10]) if 10 in image else {}
                panoptic = (bytes(label[2]), int(label[1])) if 2 in label else None
                yield path, name, part, bytes(image[2]), panoptic
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{name}: it is no frame of Waymo Open ({error}).") from error
        if not fronts:
            raise ValueError(f"{name}: it has no picture of the front camera: another dataset?")


def _message(data: Any) -> dict[int, int | memoryview]:
    return dict(wire.fields(memoryview(data)))
