"""DeepMind's multi_object_datasets (Kabra et al. 2019): Tetrominoes, Objects Room and CLEVR.

A record has `image` and `mask`, each byte of which is stored as a string of its own, and properties
of the entities. The first entity, or the first few, are the background.
"""

import collections
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from . import wire
from .example import Features
from .example import parse_example as parsed
from .records import Record, find_files, read_tfrecords
from .rows import Row, label_map, make_row

HELD_OUT = 100  # records; Slot Attention and its successors validate on the first of them
PRIMARIES = {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue"}
PRIMARIES |= {(1, 1, 0): "yellow", (1, 0, 1): "magenta", (0, 1, 1): "cyan"}


@dataclasses.dataclass(frozen=True)
class Layout:
    """The contents of a record of a dataset.

    - `size`: height and width of the image.
    - `entities`: valid numbers of entities, background included.
    - `tests`: names of test sets, as they occur in the names of their files.
    - `objects`: function from features and number of entities to the objects' properties, used
      where the record has the features `known`.
    - `background`: number of entities, the first ones, that are background.
    """

    size: tuple[int, int]
    entities: tuple[int, ...]
    tests: tuple[str, ...] = ()
    objects: Callable[[Features, int], dict[str, list[Any]]] = lambda features, k: {}
    known: tuple[str, ...] = ()
    background: int = 1


def tetrominoes(features: Features, k: int) -> dict[str, list[Any]]:
    """Return shape (a code), colour and (x, y) of the pieces."""
    colours = _floats(features, "color", (k, 3))[1:]
    x, y = _floats(features, "x", (k,)), _floats(features, "y", (k,))
    return dict(
        shape=[f"{code:g}" for code in _floats(features, "shape", (k,))[1:]],
        color=[PRIMARIES.get(tuple(c), " ".join(f"{v:g}" for v in c)) for c in colours.tolist()],
        position=np.stack([x, y], axis=1)[1:].tolist(),
    )


def clevr(features: Features, k: int) -> dict[str, list[Any]]:
    """Return codes of size, material, shape and colour, (x, y, z) and rotation of the objects."""
    codes = {
        name: [str(code) for code in _bytes(features, name, (k,))[1:]]
        for name in ("size", "material", "shape", "color")
    }
    position = np.stack([_floats(features, name, (k,)) for name in "xyz"], axis=1)
    rotation = _floats(features, "rotation", (k,))
    return codes | dict(position=position[1:].tolist(), rotation=rotation[1:].tolist())


LAYOUTS = {
    "tetrominoes": Layout((35, 35), (4,), objects=tetrominoes, known=("x", "y", "shape", "color")),
    "objects_room": Layout(
        (64, 64),
        (7, 4, 10),
        tests=("empty_room", "six_objects", "identical_color"),
        background=4,
    ),
    "clevr": Layout(
        (240, 320),
        (11,),
        objects=clevr,
        known=("x", "y", "z", "rotation", "size", "material", "shape", "color"),
    ),
}


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the records of TFRecord files of a dataset."""
    layout = LAYOUTS[dataset]
    counts: collections.Counter[str | None] = collections.Counter()  # a set may be in several files
    for path, number, part, payload in read_tfrecords(find_files(sources, "*.tfrecord*")):
        test = next((name for name in layout.tests if name in path.name), None)
        split = test or ("validation" if counts[test] < HELD_OUT else "train")
        make = functools.partial(_row, counts[test], payload, layout)
        counts[test] += 1
        yield Record(f"{path}, record {number}", split, part, make)


def _row(index: int, payload: bytes, layout: Layout) -> Row:
    features = parsed(payload)
    height, width = layout.size
    image = _bytes(features, "image", (height, width, 3))
    values = wire.one_byte_strings(_feature(features, "mask"))
    k = values.size // (height * width)
    k = k if k in layout.entities else layout.entities[0]
    masks = _shaped(values, "mask", (k, height, width)) > 0
    mask, overlap, uncovered = label_map(masks)
    visibility = np.zeros(0, bool)
    present = np.any(masks, axis=(1, 2))[layout.background :]
    if "visibility" in features:
        visibility = present = _floats(features, "visibility", (k,))[layout.background :] > 0
    return make_row(
        index,
        np.ascontiguousarray(image),
        mask,
        num_objects=int(np.count_nonzero(present)),
        visibility=visibility.tolist(),
        objects=layout.objects(features, k) if features.keys() >= set(layout.known) else {},
        overlap_pixels=overlap,
        uncovered_pixels=uncovered,
    )


def _bytes(features: Features, name: str, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    return _shaped(wire.one_byte_strings(_feature(features, name)), name, shape)


def _floats(features: Features, name: str, shape: tuple[int, ...]) -> Float32[np.ndarray, "..."]:
    return _shaped(wire.floats(_feature(features, name)), name, shape)


def _feature(features: Features, name: str) -> memoryview:
    if name not in features:
        raise ValueError(
            f"it has no {name}, but {', '.join(sorted(features)) or 'nothing'}: a file of another "
            "dataset?"
        )
    return features[name]


def _shaped(values: np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if values.size != math.prod(shape):
        wanted = "×".join(map(str, shape))
        raise ValueError(
            f"its {name} has {values.size:,} values, wanted {wanted} = {math.prod(shape):,}: a "
            "file of another dataset?"
        )
    return values.reshape(shape)
