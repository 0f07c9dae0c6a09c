"""The releases: what reads them, and what their cards say."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import clevrtex, image_row, multi_object, multishapenet, own, waymo
from .names import SPLITS
from .records import Record

PUBLISHED = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Release:
    """A dataset as its publishers released it.

    - `records`: function from the dataset's name and the sources to an iterator over records.
    - `splits`: names of the splits that a record can be in.
    - `homepage`: address of the publishers' page; `""` if there is none.
    - `licence`: its identifier on the Hub; `terms`: the same in a sentence.
    - `may_be_public`: whether the licence allows a copy that anyone can read.
    """

    title: str
    records: Callable[[str, Sequence[Path]], Iterator[Record]]
    splits: tuple[str, ...]
    about: str
    homepage: str
    licence: str
    terms: str
    may_be_public: bool = True


_HOMEPAGE = "https://github.com/google-deepmind/multi_object_datasets"
_TERMS = "The release (Kabra et al. 2019) is under the Apache License 2.0"
_HELD_OUT = (
    f"The first {multi_object.HELD_OUT} records are `validation`, as Slot Attention and its "
    "successors have it, and all others `train`."
)
RELEASES = {
    "tetrominoes": Release(
        "Tetrominoes",
        multi_object.read_records,
        splits=("train", "validation"),
        about=f"Three tetrominoes on black, 35×35 pixels. {_HELD_OUT}",
        homepage=_HOMEPAGE,
        licence="apache-2.0",
        terms=f"{_TERMS}.",
    ),
    "objects_room": Release(
        "Objects Room",
        multi_object.read_records,
        splits=("train", "validation", *multi_object.LAYOUTS["objects_room"].tests),
        about="Objects in a room, 64×64 pixels. Labels 0 to 3 are sky, floor and walls. "
        f"{_HELD_OUT} The three test sets are splits of their own.",
        homepage=_HOMEPAGE,
        licence="apache-2.0",
        terms=f"{_TERMS}.",
    ),
    "clevr": Release(
        "CLEVR with masks",
        multi_object.read_records,
        splits=("train", "validation"),
        about=f"Three to ten solids on grey ground, 240×320 pixels. {_HELD_OUT}",
        homepage=_HOMEPAGE,
        licence="apache-2.0",
        terms=f"{_TERMS}; CLEVR itself (Johnson et al. 2017), whose generator made it, is under "
        "CC BY 4.0.",
    ),
    "clevrtex": Release(
        "CLEVRTex",
        clevrtex.read_records,
        splits=PUBLISHED
        + tuple(f"{v}_{s}" for v in clevrtex.VARIANTS[1:-1] for s in PUBLISHED)
        + ("outd_test",),
        about="Textured solids on textured ground, 240×320 pixels (Karazija et al. 2021). The "
        "publishers test on the first tenth and validate on the second. Variants have splits with "
        "their name.",
        homepage="https://www.robots.ox.ac.uk/~vgg/data/clevrtex/",
        licence="unknown",
        terms="Its terms are on the publishers' page; read them before you share this copy.",
    ),
    "multishapenet_easy": Release(
        "MultiShapeNet-Easy",
        multishapenet.read_records,
        splits=PUBLISHED,
        about="Chairs, tables and cabinets of ShapeNet, 240×320 pixels (Stelzner et al. 2021). "
        "Every view of a scene is a row.",
        homepage="https://github.com/stelzner/obsurf",
        licence="unknown",
        terms="Its terms are on the publishers' page, and ShapeNet has terms of its own; read them "
        "before you share this copy.",
    ),
    "waymo_open": Release(
        "Waymo Open, front camera",
        waymo.read_records,
        splits=PUBLISHED,
        about="Frames of the front camera (Sun et al. 2020), the JPEGs as they were released. "
        "Labels are instances. In `validation` are frames with at least two of them.",
        homepage="https://waymo.com/open",
        licence="other",
        terms="The Waymo Open Dataset licence is for non-commercial use by those who have "
        "accepted it themselves: no copy may be shared with anyone else.",
        may_be_public=False,
    ),
    "images": Release(
        "Images",
        own.read_records,
        splits=SPLITS,
        about="Images from a folder, each the square in its middle or whole, shrunk if its shorter "
        f"side has more than {image_row.SIDE} pixels; labels are numbered anew.",
        homepage="",
        licence="unknown",
        terms="Whoever shares this copy knows whose images they are, and says so here.",
    ),
}
