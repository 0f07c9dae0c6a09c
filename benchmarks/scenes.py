"""Files of procedural scenes to read: tetrominoes, or shaded and noisy ones like rendered ones."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hub.mirror import MANIFEST, Manifest, Row, make_row, write_shard
from hub.mirror.sources import Record
from tests.releases import example, float_list, pixels, tfrecord
from training.data import load
from training.data.procedural.tetrominoes import IMAGE_SIZE

DISTINCT = 20
Size = tuple[int, int]
Scene = tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]


def scenes(size: Size, entities: int) -> list[Scene]:
    """Draw twenty images and label maps."""
    if size == (IMAGE_SIZE, IMAGE_SIZE):
        drawn = load("tetrominoes", "train", DISTINCT)
        assert drawn.labels is not None
        return list(zip(drawn.images.pixels, drawn.labels, strict=True))
    random = np.random.default_rng(0)
    y, x = np.indices(size) / max(size)
    found = []
    for _ in range(DISTINCT):
        labels = np.zeros(size, np.uint8)
        for label in range(1, entities):
            (top, left), radius = random.random(2), 0.1 + 0.1 * random.random()
            labels[(y - top) ** 2 + (x - left) ** 2 < radius**2] = label
        colours = random.uniform(40, 200, (entities, 3))
        shade = 20 * np.sin(3 * x + 2 * y)[..., None] + random.normal(scale=2, size=(*size, 1))
        found.append(((colours[labels] + shade).clip(0, 255).astype(np.uint8), labels))
    return found


def write_release(path: Path, size: Size, entities: int, count: int) -> Path:
    """Write a file of multi_object_datasets: GZIP members with the same scenes."""
    payloads = [
        example(
            dict(
                image=pixels(image),
                mask=pixels(255 * (labels == np.arange(entities)[:, None, None])),
                visibility=float_list(np.ones(entities)),
            )
        )
        for image, labels in scenes(size, entities)
    ]
    member = tfrecord(path, payloads).read_bytes()
    path.write_bytes(member * (count // DISTINCT))
    return path


def write_mirror(folder: Path, dataset: str, size: Size, count: int) -> Path:
    """Write the mirror of a training set of `count` scenes; return its folder."""
    rows: list[Row] = [make_row(0, *scene) for scene in scenes(size, 4)]

    def records() -> Iterator[tuple[Record, Row]]:
        for index, made in zip(range(count), itertools.cycle(rows), strict=False):
            yield Record("", "train", 0.0, lambda: None), made | dict(index=index)

    shard = write_shard(folder, 0, "train", records(), max_bytes=1 << 40, max_rows=count)
    manifest = Manifest(dataset, "", "", [], None, 200, [shard], finished=True)
    (folder / MANIFEST).write_text(manifest.to_json())
    return folder
