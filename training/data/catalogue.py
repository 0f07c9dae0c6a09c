"""The datasets, by name: where their scenes are, what is cut from them, how they are scored."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Array, UInt8, UInt32

from isa_eqx import check_choice

from . import tetrominoes

Draw = Callable[
    [int, int, UInt32[Array, " b"]], tuple[UInt8[Array, "b h w 3"], UInt8[Array, "b h w"]]
]
Crop = Callable[[int, int], tuple[slice, slice]]
Labels = UInt8[np.ndarray, "h w"]

SMALLEST_MASK = 0.01  # of the pixels
MOST_OBJECTS = 11


def whole(height: int, width: int) -> tuple[slice, slice]:
    """All rows and columns."""
    return slice(height), slice(width)


def box(top: int, bottom: int, left: int, right: int) -> Crop:
    """These rows and columns; a `ValueError` for a picture that does not have them."""

    def crop(height: int, width: int) -> tuple[slice, slice]:
        if height < bottom or width < right:
            raise ValueError(
                f"its picture is {height}×{width}; rows {top} to {bottom} and columns {left} to "
                f"{right} are wanted of it."
            )
        return slice(top, bottom), slice(left, right)

    return crop


def centre(size: int) -> Crop:
    """The square in the middle; a `ValueError` for a picture that is smaller."""

    def crop(height: int, width: int) -> tuple[slice, slice]:
        if min(height, width) < size:
            raise ValueError(f"its picture is {height}×{width}; {size}×{size} are wanted of it.")
        top, left = (height - size) // 2, (width - size) // 2
        return slice(top, top + size), slice(left, left + size)

    return crop


def as_they_are(labels: Labels) -> Labels:
    """The labels."""
    return labels


def largest_objects(labels: Labels) -> Labels:
    """The labels of the eleven largest objects that have at least a hundredth of the pixels, as 1,
    2, … in their order; all else becomes background.
    """
    sizes = np.bincount(labels.reshape(-1), minlength=256)
    sizes[0] = 0
    large = np.flatnonzero(sizes >= SMALLEST_MASK * labels.size)
    kept = np.sort(large[np.argsort(-sizes[large], kind="stable")][:MOST_OBJECTS])
    renamed = np.zeros(256, np.uint8)
    renamed[kept] = np.arange(1, len(kept) + 1)
    return renamed[labels]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """What is known of a dataset before any of it is read.

    - `num_labels`: labels are 0 … num_labels - 1.
    - `crop`: (height, width) of a picture → the rows and columns of it that are resized to the
      model's size; `clean`: the label map of that size → the one that is scored. As published.
    - `background`: the labels that FG-ARI leaves out.
    - `repo`: the mirror that is taken where `--data` names none, `user/name@commit`.
    - `draw`: procedural scenes that stand in for it: (seed, split, indices) → images and label
      maps; the same arguments, the same scenes. `about_drawn`: a sentence on them for those who
      were not there.
    """

    num_labels: int
    crop: Crop = whole
    clean: Callable[[Labels], Labels] = as_they_are
    background: tuple[int, ...] = (0,)
    repo: str | None = None
    draw: Draw | None = None
    about_drawn: str = ""


# Of Objects Room the paper's code calls label 0 alone background; the literature all of 0 to 3.
DATASETS = {
    "tetrominoes": Dataset(
        tetrominoes.NUM_PIECES + 1,
        draw=tetrominoes.scenes,
        about_drawn="The scenes are procedural: this library draws them as the released "
        "Tetrominoes are, at arbitrary offsets, from a fixed seed; they are not the released ones.",
    ),
    "objects_room": Dataset(10),
    "clevr": Dataset(11, crop=box(29, 221, 64, 256)),
    "clevrtex": Dataset(11, crop=centre(192)),
    "multishapenet_easy": Dataset(11, crop=centre(240)),
    "waymo_open": Dataset(1 + MOST_OBJECTS, clean=largest_objects),
}


def dataset(name: str) -> Dataset:
    """A dataset by name; a `ValueError` with the valid ones for any other."""
    check_choice("dataset", name, tuple(DATASETS))
    return DATASETS[name]
