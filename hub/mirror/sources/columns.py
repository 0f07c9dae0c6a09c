"""What a person means by the columns of a table: which has images, and which their label maps."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from .names import CLASSES, INSTANCES, kind_of, words

Holds = Literal["images", "files", "else"]  # said to be images; bytes, which may be; neither


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns that are taken, and those that are not, by the reason."""

    image: str
    labels: str | None
    unused: Mapping[str, Sequence[str]]


def choose_columns(holds: Mapping[str, Holds]) -> Columns:
    """Choose the columns of a table by their names and what they hold.

    Of the columns of images, or of bytes if none is said to be of images, that called `image` is
    taken, else the first of a like name, else the first that is not called like label maps, in any
    spelling. Of those, one of instances comes before one of classes.

    Raises a `ValueError` that lists the columns if none may hold images.
    """
    found = [name for name, kind in holds.items() if kind == "images"]
    found = found or [name for name, kind in holds.items() if kind == "files"]
    kinds = {name: kind_of(name) for name in found}
    images = sorted(
        (name for name in found if kinds[name] in ("image", None)),
        key=lambda name: (name.casefold() != "image", kinds[name] is None),
    )
    if not images and len(found) == 1:
        images = found  # whatever it is called
    if not images:
        raise ValueError(f"no column of images; there are {', '.join(holds)}.")
    labels = sorted(
        (name for name in found if kinds[name] == "labels" and name != images[0]), key=_rank
    )
    taken = {images[0], *labels[:1]}
    return Columns(
        images[0],
        labels[0] if labels else None,
        {
            "column{s} of images": [name for name in found if name not in taken],
            "other column{s}": [name for name in holds if name not in found],
        },
    )


def _rank(name: str) -> int:
    said = set(words(name))
    return 0 if said & INSTANCES else 2 if said & CLASSES else 1
