"""What the publishers of the six datasets released, as rows: `rows("clevr", [path], "train")`."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..rows import Row
from . import clevrtex, multi_object, multishapenet, waymo
from .source import Record

ORIGINALS: dict[str, Callable[[str, Sequence[Path]], Iterator[Record]]] = {
    "tetrominoes": multi_object.records,
    "objects_room": multi_object.records,
    "clevr": multi_object.records,
    "clevrtex": clevrtex.records,
    "multishapenet_easy": multishapenet.records,
    "waymo_open": waymo.records,
}


def records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """The records of a release, which become rows when asked to.

    - `sources`: files, or folders of them. Raises a `ValueError` if there is none that fits.
    """
    if dataset not in ORIGINALS:
        raise ValueError(f"Unknown dataset {dataset!r}; valid ones are {', '.join(ORIGINALS)}.")
    return ORIGINALS[dataset](dataset, list(sources))


def rows(dataset: str, sources: Sequence[Path], split: str) -> Iterator[Row]:
    """The rows of a split, in the order of the release; errors name file and record."""
    for record in records(dataset, sources):
        if record.split == split and (row := record.row()) is not None:
            yield row
