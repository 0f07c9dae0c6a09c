"""Waymo Open (Sun et al. 2020), the front camera: parquet files of v2, TFRecords of v1.4.

Images stay JPEGs. A label is the panoptic label modulo its divisor: the instance.
"""

import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import wire
from .arrow import open_parquet
from .records import Record, find_files, read_tfrecords, refuse_copies
from .rows import Row, decode_labels, make_row

if TYPE_CHECKING:
    pass

FRONT = 1
KEYS = "key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name"
IMAGE = "[CameraImageComponent].image"
_LABEL = "[CameraSegmentationLabelComponent].panoptic_label"
LABELS = _LABEL, f"{_LABEL}_divisor"
MIN_LABELS = 2  # in a frame to validate on
SPLITS = {"training": "train", "validation": "validation"}
SPLITS |= dict.fromkeys(("testing", "testing_3d_camera_only_detection"), "test")


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the frames of the front camera, in the order of the files.

    The split is given by the nearest of the publisher's folders above a file, and `train` without
    one. `validation` has only frames with at least two labels.
    """
    found = find_files(sources, "*.parquet", "*.tfrecord*")
    tables = [path for path in found if path.suffix == ".parquet"]
    frames = _of_tables(tables) if tables else _of_frames(found)
    counts: dict[str, int] = {}
    for path, name, part, image, label in frames:
        split = _split(path)
        index = counts[split] = counts.get(split, -1) + 1
        yield Record(name, split, part, functools.partial(_row, index, image, label, split))


# Images and labels of a damaged table may be anything: `_row` checks them.
Frame = tuple[Path, str, float, Any, tuple[Any, Any] | None]


def _split(path: Path) -> str:
    # A link may stand for such a folder.
    parts = [reversed(file.parent.parts) for file in (path, path.resolve())]
    near = itertools.chain.from_iterable(itertools.zip_longest(*parts))
    return next((SPLITS[folder] for folder in near if folder in SPLITS), "train")


def _row(index: int, image: Any, label: tuple[Any, Any] | None, split: str) -> Row | None:
    mask = None
    if not isinstance(image, bytes):
        raise ValueError(f"its picture is {image!r:.20}, and no JPEG.")
    if label is not None and label != (None, None):  # a table joined to another has such
        panoptic, divisor = label
        if not isinstance(panoptic, bytes) or not isinstance(divisor, int) or divisor < 1:
            raise ValueError(f"its label is {panoptic!r:.20}, with the divisor {divisor}.")
        mask = decode_labels(panoptic).astype(np.int64) % divisor
    if split == "validation" and (mask is None or len(np.unique(mask)) < MIN_LABELS):
        return None
    return make_row(index, image, mask)


def _of_tables(paths: Sequence[Path]) -> Iterator[Frame]:
    columns = {}
    refuse_copies(paths)
    for path in paths:
        with open_parquet(path) as file:
            columns[path] = set(file.schema_arrow.names)
    with_images = [path for path in paths if IMAGE in columns[path]]
    with_labels = [path for path in paths if LABELS[0] in columns[path]]
    if not with_images:
        raise ValueError(f"no parquet file among the sources has a column {IMAGE}.")
    for some, wanted in ((with_images, KEYS), (with_labels, (*KEYS, *LABELS))):
        for path in some:
            if missing := set(wanted) - columns[path]:
                raise ValueError(f"{path} has no column {' and no '.join(sorted(missing))}.")
    labelled = _labelled(with_labels)
    for place, path in enumerate(with_images):
        number = 0
        with open_parquet(path) as file:
            total = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(16, columns=[*KEYS, IMAGE]):
                for line in batch.to_pylist():
                    key = tuple(line[name] for name in KEYS)
                    if key[2] == FRONT:
                        name = f"{path}, row {number}"
                        part = (place + number / total) / len(with_images)
                        label = _label(*labelled[key]) if key in labelled else None
                        yield path, name, part, line[IMAGE], label
                    number += 1


def _labelled(paths: Sequence[Path]) -> dict[tuple[Any, ...], tuple[Path, int]]:
    """Return the file and the row of each frame's label, by the frame's key."""
    found = {}
    for path in paths:
        with open_parquet(path) as file:
            keys = file.read(list(KEYS)).to_pylist()
        found |= {tuple(k.values()): (path, n) for n, k in enumerate(keys) if k[KEYS[2]] == FRONT}
    return found


def _label(path: Path, number: int) -> tuple[Any, Any]:
    found = _labels(path)[number]
    return found[LABELS[0]], found[LABELS[1]]


@functools.lru_cache(maxsize=2)
def _labels(path: Path) -> list[dict[str, Any]]:
    """Read the labels of a file, those of one drive of twenty seconds."""
    with open_parquet(path) as file:
        return file.read(list(LABELS)).to_pylist()


def _of_frames(paths: Sequence[Path]) -> Iterator[Frame]:
    for path, number, part, payload in read_tfrecords(paths):
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
