"""Images of one's own: folders of files, or any dataset with a column of images."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image
from tqdm import tqdm

from ...common.image_file import read_image_file, read_label_file
from .records import Record, list_files
from .rows import MAX_LABEL, Row, make_row

SIDE = 256  # pixels: images with a longer shorter side are shrunk to it
HELD_OUT = 100  # images to validate on, at most; and at most a tenth
LOSSLESS, LOSSY = (".png", ".tif", ".tiff", ".bmp", ".gif"), (".jpg", ".jpeg", ".webp")
SPLITS = ("train", "validation", "test")
SPLIT_OF = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
}  # fmt: skip
Read = Callable[[], tuple[UInt8[np.ndarray, "h w 3"], Integer[np.ndarray, "h2 w2"] | None]]


def read_images(sources: Mapping[Path, Sequence[Path]], keep_aspect: bool) -> Iterator[Record]:
    """Iterate over image files.

    Splits are the folders `train`, `validation` (`val`) and `test`, if there are such; else, or
    without a folder to validate on, a tenth of the images, at most 100, is held out, always the
    same ones. A label map is `NAME_mask.png` beside an image, or `masks/NAME.png` beside it or
    beside its folder.

    - `sources`: a folder, or a file, with its image files.
    - `keep_aspect`: keep all of an image, not the square in its middle.
    """
    splits = [
        (_split_of(path, source), str(path), path)
        for source, paths in sources.items()
        for path in paths
    ]
    if len(splits) < 2:
        raise ValueError("two images are wanted, to train on and to validate on; got one.")
    placed = hold_out({name: split for split, name, _ in splits})
    order = sorted(
        (SPLITS.index(placed[name]), number, path) for number, (_, name, path) in enumerate(splits)
    )
    for place, (split, number, path) in enumerate(order):
        read = functools.partial(_read, path)
        make = functools.partial(make_image_row, str(path), number, read, keep_aspect)
        yield Record(str(path), SPLITS[split], place / len(order), make)


def hold_out(splits: Mapping[str, str]) -> dict[str, str]:
    """Return the split of each name, `train` in place of `""`.

    If none is `validation`, the tenth of `train` whose names have the lowest hashes is, at most 100
    of them: so images that are alike in name and order are spread over both.
    """
    placed = {name: split or "train" for name, split in splits.items()}
    train = [name for name, split in placed.items() if split == "train"]
    if "validation" not in placed.values():
        train.sort(key=lambda name: hashlib.sha256(Path(name).name.encode()).digest())
        for name in train[: min(HELD_OUT, max(1, len(train) // 10))]:
            placed[name] = "validation"
    return placed


def make_image_row(name: str, index: int, read: Read, keep_aspect: bool) -> Row | None:
    """Return the row of an image, cropped and shrunk; `None`, with a sentence, if it is broken."""
    try:
        pixels, labels = read()
        if labels is not None and labels.shape != pixels.shape[:2]:
            sizes = [f"{width}×{height}" for height, width in (labels.shape, pixels.shape[:2])]
            raise ValueError(f"its mask is {sizes[0]}, the image {sizes[1]}; make them alike.")
        labels = None if labels is None else _renumbered(labels)
    except ValueError as error:
        said = str(error)
        tqdm.write(f"Left out: {said if said.startswith(name) else f'{name}: {said}'}")
        return None
    if not keep_aspect:
        side = min(pixels.shape[:2])
        top, left = ((length - side) // 2 for length in pixels.shape[:2])
        square = slice(top, top + side), slice(left, left + side)
        pixels, labels = pixels[square], None if labels is None else labels[square]
    return make_row(index, *_shrunk(pixels, labels))


def find_images(source: Path) -> list[Path]:
    """Return the image files of a source, without label maps."""
    if source.is_file():
        return [] if source.suffix.lower() == ".parquet" else [source]
    if not source.is_dir():
        raise ValueError(f"there is no file or folder {source}.")
    known = Image.registered_extensions()
    found = [
        path
        for path in list_files(source)
        if path.suffix.lower() in known and "masks" not in path.relative_to(source).parts[:-1]
    ]
    stems = {path.with_suffix("") for path in found}
    return [path for path in found if not _is_mask(path, stems)]


def _is_mask(path: Path, stems: Set[Path]) -> bool:
    """Return whether a file is the label map of another one: `venice_mask.png` may be an image."""
    stem = path.stem.removesuffix("_mask")
    return stem != path.stem and path.with_name(stem) in stems


def _split_of(path: Path, source: Path) -> str:
    """Return the split that the folder of a file is named after, `""` if it is not."""
    folders = path.relative_to(source).parts[:-1] if source.is_dir() else ()
    return SPLIT_OF.get(folders[0].lower(), "") if folders else ""


def _read(
    path: Path,
) -> tuple[UInt8[np.ndarray, "h w 3"], Integer[np.ndarray, "h2 w2"] | None]:
    places = [path.with_name(f"{path.stem}_mask")]
    places += [
        path.parents[up] / "masks" / name
        for up in (0, 1)
        for name in (path.stem, f"{path.stem}_mask")
    ]
    files = (place.with_name(place.name + end) for place in places for end in (*LOSSLESS, *LOSSY))
    mask = next((file for file in files if file.is_file()), None)
    if mask is not None and mask.suffix in LOSSY:
        raise ValueError(f"its label map, {mask.name}, has lost its labels; make it a PNG.")
    return read_image_file(path), None if mask is None else read_label_file(mask)


def _renumbered(labels: Integer[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Return the labels as 1, 2, … in their order, and 0 as it is."""
    values, places = np.unique(labels, return_inverse=True)
    numbers = np.arange(len(values)) + (values[0] != 0)
    if numbers[-1] > MAX_LABEL:
        raise ValueError(f"a mask has {numbers[-1]} objects; at most {MAX_LABEL} are possible.")
    return numbers[places].astype(np.uint8).reshape(labels.shape)


def _shrunk(
    pixels: UInt8[np.ndarray, "h w 3"], labels: UInt8[np.ndarray, "h w"] | None
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2"] | None]:
    height, width = pixels.shape[:2]
    factor = SIDE / min(height, width)
    if factor >= 1:
        return pixels, labels
    size = round(width * factor), round(height * factor)
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    if labels is not None:
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    return small, labels
