"""Datasets with a column of images: parquet files in a folder, or a dataset repo of the Hub."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8

from ...common.errors import translate_hub_errors
from ...common.image_file import as_labels, as_rgb
from .images import HELD_OUT, SPLIT_OF, SPLITS, find_images, make_image_row, read_images
from .records import Record, list_files

MASKS = ("mask", "masks", "label_map", "segmentation")  # columns of label maps, by name


def read_records(
    dataset: str, sources: Sequence[Path], keep_aspect: bool = False
) -> Iterator[Record]:
    """Iterate over the image files of folders, see `read_images`, else over their parquet files.

    - `keep_aspect`: keep all of an image, not the square in its middle.

    Raises a `ValueError` if there are neither.
    """
    images = {source: find_images(source) for source in sources}
    if any(images.values()):
        return read_images(images, keep_aspect)
    return read_tables(sources, keep_aspect)


def read_tables(sources: Sequence[Path], keep_aspect: bool) -> Iterator[Record]:
    """Iterate over the images in the parquet files of folders, as `read_repo`.

    A file whose name begins with that of a split, such as `test-00000.parquet`, is of that split.
    """
    from datasets import load_dataset
    from pyarrow.parquet import read_metadata

    files: dict[str, list[str]] = {}
    for source in sources:
        for path in [source] if source.is_file() else list_files(source):
            if path.suffix.lower() == ".parquet":
                begins = path.stem.lower().replace("_", "-").split("-")[0]
                files.setdefault(SPLIT_OF.get(begins, "train"), []).append(str(path))
    if not files:
        raise ValueError(
            f"no image that Pillow reads, and no parquet, in {', '.join(map(str, sources))}."
        )
    try:
        counts = {
            split: sum(read_metadata(path).num_rows for path in paths)
            for split, paths in files.items()
        }
        found = load_dataset("parquet", data_files=files, streaming=True)
    except (OSError, ValueError) as error:
        raise ValueError(f"a parquet file cannot be read ({error}).") from error
    yield from _records({str(name): each for name, each in found.items()}, counts, keep_aspect)


def read_repo(repo_id: str, commit: str, keep_aspect: bool) -> Iterator[Record]:
    """Iterate over the images of a dataset repo of the Hub, of any format that `datasets` reads.

    Its first column of images is taken, and one named `mask` as label maps. Without a split to
    validate on, every tenth of the first 1,000 images is held out.

    Raises a `ValueError` that lists the columns if none has images.
    """
    from datasets import load_dataset

    with translate_hub_errors(f"reading {repo_id}", f"the Hub has no dataset {repo_id}"):
        found = load_dataset(repo_id, revision=commit, streaming=True)
    splits: dict[str, Any] = {str(name): each for name, each in found.items()}
    known = {name: (each.info.splits or {}).get(name) for name, each in splits.items()}
    counts = {name: info.num_examples for name, info in known.items() if info is not None}
    yield from _records(splits, counts, keep_aspect)


def _records(found: dict[str, Any], counts: dict[str, int], keep_aspect: bool) -> Iterator[Record]:
    """Iterate over records, split after split.

    - `found`: streamed datasets by the name of their split.
    - `counts`: of their rows, as far as they are known.
    """
    named = {SPLIT_OF.get(name.lower(), name): name for name in found}
    if len(found) == 1:  # whatever it is called
        named = {"train": next(iter(found))}
    if "train" not in named:
        raise ValueError(f"no split to train on; there are {', '.join(found)}.")
    parts = {split: found[name] for split, name in named.items() if split in SPLITS}
    if "validation" not in parts:
        parts["validation"] = parts["train"].take(10 * HELD_OUT)
    total = sum(counts.values()) or 10**6
    numbers = itertools.count()
    for split in SPLITS:
        if split not in parts:
            continue
        rows, image, mask = _columns(parts[split])
        for place, row in enumerate(rows):
            # How many rows there are is not always known before.
            is_held_out = place % 10 == 0 and place < 10 * HELD_OUT
            is_divided = "validation" not in named and split != "test"
            if is_divided and is_held_out != (split == "validation"):
                continue
            number = next(numbers)
            name = f"row {place} of {named.get(split, named['train'])}"
            read = functools.partial(_read, name, row, image, mask)
            make = functools.partial(make_image_row, name, number, read, keep_aspect)
            yield Record(name, split, min(number / total, 1.0), make)


def _columns(rows: Any) -> tuple[Any, str, str | None]:
    """Return the rows with encoded images, the name of their column, and that of label maps."""
    from datasets import Image

    features = rows.features or rows._resolve_features().features
    images = [name for name, kind in features.items() if isinstance(kind, Image)]
    # Files that `datasets` has not written do not say so.
    images = images or [name for name, kind in features.items() if _may_hold_images(kind)]
    masks = [name for name in images if name.lower() in MASKS]
    images = [name for name in images if name not in masks]
    if not images:
        raise ValueError(f"no column of images; there are {', '.join(features)}.")
    mask = masks[0] if masks else None
    rows = rows.select_columns([images[0], *masks[:1]])
    for name in (images[0], *masks[:1]):
        rows = rows.cast_column(name, Image(decode=False))
    return rows, images[0], mask


def _may_hold_images(kind: Any) -> bool:
    """Return whether a column has encoded files: bytes, or a struct of bytes and path."""
    if isinstance(kind, dict):
        return "bytes" in kind
    return getattr(kind, "dtype", None) in ("binary", "large_binary")


def _read(
    name: str, row: dict[str, Any], image: str, mask: str | None
) -> tuple[UInt8[np.ndarray, "h w 3"], Integer[np.ndarray, "h2 w2"] | None]:
    """Return image and label map of a row. Raises a `ValueError` that names it if it is broken."""
    from datasets import Image

    if row[image] is None:
        raise ValueError(f"{name} is empty: there is nothing in column {image}.")
    try:
        pixels = as_rgb(Image().decode_example(row[image]))
        if mask is None or row[mask] is None:
            return pixels, None
        return pixels, as_labels(Image().decode_example(row[mask]))
    except Exception as error:  # whatever decodes it
        raise ValueError(f"{name} is damaged, or cannot be read ({error}).") from error
