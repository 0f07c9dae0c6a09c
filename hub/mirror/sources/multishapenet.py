"""MultiShapeNet-Easy (Stelzner et al. 2021): folders of PNGs, or TFRecords as TFDS writes them.

A scene has several views. Each is a row of its own.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from . import wire
from .example import parse_example
from .records import Record, find_files, read_tfrecords
from .rows import Row, decode_image, decode_labels, make_row

_IMAGE = re.compile(r"img_(\d+)_(\d+)\.png")
_CAMERA = re.compile(r"(cameras/.+)/color_image")
# Of the scenes, in the folders; TFRecords have the split in their names.
TRAIN, VALIDATION = 70_000, 15_000


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the views of all scenes, from TFRecords if there are any, else from folders."""
    found = find_files(sources, "*.tfrecord*", "img_*_*.png")
    if any(".tfrecord" in path.name for path in found):
        return _of_tfrecords([path for path in found if ".tfrecord" in path.name])
    return _of_folders(found)


def _of_folders(found: Sequence[Path]) -> Iterator[Record]:
    views = sorted(
        (int(match[1]), int(match[2]), path)
        for path in found
        if (match := _IMAGE.fullmatch(path.name))
    )
    if not views:
        raise ValueError("no images/img_SCENE_VIEW.png among the sources.")
    for index, (scene, view, path) in enumerate(views):
        split = "train" if scene < TRAIN else "test"
        split = "validation" if TRAIN <= scene < TRAIN + VALIDATION else split
        mask = path.parent.parent / "masks" / f"masks_{scene}_{view}.png"
        make = functools.partial(_of_pictures, index, path, mask)
        yield Record(str(path), split, index / len(views), make)


def _of_pictures(index: int, image: Path, mask: Path) -> Row:
    return make_row(index, decode_image(image.read_bytes()), decode_labels(mask.read_bytes()))


def _of_tfrecords(paths: Sequence[Path]) -> Iterator[Record]:
    index = 0
    for path, number, part, payload in read_tfrecords(paths):
        split = next((s for s in ("validation", "test") if s in path.name), "train")
        name = f"{path}, record {number}"
        try:
            found = parse_example(payload)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        cameras = sorted(match[1] for name in found if (match := _CAMERA.fullmatch(name)))
        if not cameras:
            raise ValueError(
                f"{name}: it has no cameras/NAME/color_image, but {', '.join(sorted(found))}: a "
                "file of another dataset?"
            )
        for camera in cameras:
            for view, image in enumerate(wire.strings(found[f"{camera}/color_image"])):
                labels = found.get(f"{camera}/instance_image")
                make = functools.partial(_of_camera, index, image, labels, view)
                yield Record(f"{name}, {camera}", split, part, make)
                index += 1


def _of_camera(index: int, image: bytes, labels: memoryview | None, view: int) -> Row:
    if labels is None:
        raise ValueError("it has no instance_image.")
    maps = wire.strings(labels)
    if view >= len(maps):
        raise ValueError(f"it has {len(maps)} of instance_image, and more of color_image.")
    mask = decode_labels(maps[view]).astype(np.int64)
    return make_row(
        index, decode_image(image), np.maximum(mask - 1, 0)
    )  # there 1 is the background
