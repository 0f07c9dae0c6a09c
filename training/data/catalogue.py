"""The datasets, by name: default source, crop, and labels to score."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from jaxtyping import Array, UInt32

from isa_eqx import check_choice

from .cropping import (
    MAX_OBJECTS,
    Crop,
    Labels,
    box_crop,
    centre_crop,
    full_crop,
    largest_objects,
    unchanged,
)
from .procedural import (
    clevr,
    clevrtex,
    multishapenet,
    objects_room,
    tetrominoes,
    waymo,
)
from .procedural.world import Drawn, World

Size = tuple[int, int]
Draw = Callable[[UInt32[Array, " b"], Size], Drawn]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """The facts on a dataset that are known before it is read.

    - `num_labels`: labels are 0 … num_labels - 1.
    - `num_train`: images in the training set, as published, and in that of a procedural mirror.
    - `draw`: for each split, a function from indices and a size (height, width) to procedural
      scenes in its place. An index always gives the same scene. Those of Tetrominoes, which are
      made of pixels, have a size of their own.
    - `about_drawn`: a sentence that describes these scenes, for cards.
    - `crop`: function from the (height, width) of an image to the rows and columns that are
      resized to the model's size, as published.
    - `clean_labels`: function from a label map of the model's size to the one that is scored, as
      published.
    - `background`: the labels that FG-ARI leaves out.
    - `first_object`: the labels below it are background.
    - `repo`: the default mirror, `user/name@commit`.
    - `own`: images of the user's own, from a mirror: of any size, and perhaps without label maps.
      They are cropped to the shape of the model's images, and resized with antialias.
    - `architecture`: the published one that has the size of the images, by default that of the same
      name.
    """

    num_labels: int
    num_train: int
    draw: Mapping[str, Draw]
    about_drawn: str
    crop: Crop = full_crop
    clean_labels: Callable[[Labels], Labels] = unchanged
    background: tuple[int, ...] = (0,)
    first_object: int = 1
    repo: str | None = None
    own: bool = False
    architecture: str | None = None


# One seed for the data of every run: the seed of a run changes weights and order, not the task.
DATA_SEED = 0
SPLITS = ("train", "validation", "test")


def _numbered(
    draw: Mapping[str, Callable[[int, int, UInt32[Array, " b"], Size], Drawn]],
) -> dict[str, Draw]:
    """Return what draws each split, from what takes a seed and a number that tells splits apart."""
    return {
        name: functools.partial(of_split, DATA_SEED, number)
        for number, (name, of_split) in enumerate(draw.items())
    }


def _variants(worlds: Mapping[str, World]) -> dict[str, Draw]:
    """Return what draws the splits of worlds, with the name of all but the first in front."""
    first = next(iter(worlds))
    return _numbered(
        {
            split if variant == first else f"{variant}_{split}": world.draw
            for variant, world in worlds.items()
            for split in SPLITS
        }
    )


def _tetrominoes(seed: int, split: int, indices: UInt32[Array, " b"], size: Size) -> Drawn:
    return tetrominoes.draw(seed, split, indices)


def _about(what: str) -> str:
    return f"The scenes are procedural: {what}, drawn by this library from a fixed seed."


# Of Objects Room the paper's code calls label 0 alone background; the literature all of 0 to 3.
DATASETS = {
    "tetrominoes": Dataset(
        tetrominoes.NUM_PIECES + 1,
        999_900,
        draw=_numbered(dict.fromkeys(SPLITS, _tetrominoes)),
        about_drawn="The scenes are procedural: this library draws them as the released "
        "Tetrominoes are, at arbitrary offsets, from a fixed seed; they are not the released ones.",
    ),
    "objects_room": Dataset(
        objects_room.WORLD.num_labels,
        999_900,
        first_object=objects_room.BACKGROUND,
        draw=_numbered(
            dict.fromkeys(SPLITS, objects_room.WORLD.draw)
            | {name: world.draw for name, world in objects_room.TESTS.items()}
        ),
        about_drawn=_about("coloured solids in a room, like those of Objects Room"),
    ),
    "clevr": Dataset(
        11,
        99_900,
        crop=box_crop(29, 221, 64, 256),
        draw=_variants(clevr.WORLDS),
        about_drawn=_about("solids on grey ground, like those of CLEVR"),
    ),
    "clevrtex": Dataset(
        11,
        40_000,
        crop=centre_crop(192),
        draw=_variants(clevrtex.WORLDS),
        about_drawn=_about("textured solids on textured ground, like those of CLEVRTex"),
    ),
    "multishapenet_easy": Dataset(
        11,
        70_000,
        crop=centre_crop(240),
        draw=_numbered(dict.fromkeys(SPLITS, multishapenet.WORLD.draw)),
        about_drawn=_about("furniture of boxes and cylinders, in place of ShapeNet's"),
    ),
    "waymo_open": Dataset(
        1 + MAX_OBJECTS,
        158_081,
        clean_labels=largest_objects,
        draw=_numbered(dict.fromkeys(SPLITS, waymo.WORLD.draw)),
        about_drawn=_about("streets with cars and pedestrians, in place of Waymo Open's"),
    ),
    "images": Dataset(256, 10**9, draw={}, about_drawn="", own=True, architecture="clevr"),
}


def dataset(name: str) -> Dataset:
    """Return a dataset by name. Raises a `ValueError` that lists the valid names."""
    check_choice("dataset", name, tuple(DATASETS))
    return DATASETS[name]
