"""CLEVRTex (Karazija et al. 2021): folders of PNGs, `clevrtex_{variant}/{n}/CLEVRTEX_…`."""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .records import Record, find_files
from .rows import NAMED_PROPERTIES, Row, decode_image, decode_labels, make_row

VARIANTS = "full", "camo", "grassbg", "pbg", "vbg", "outd"
_IMAGE = re.compile(r"CLEVRTEX_([a-z]+)_(\d+)\.png")
# The publishers' loader tests on the first tenth of a variant and validates on the second.
_TENTH = {"full": 5_000, "outd": None}
_TENTH_OF_OTHERS = 2_000


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the scenes of one or more variants, ordered by number."""
    found = [
        (VARIANTS.index(match[1]), int(match[2]), path)
        for path in find_files(sources, "CLEVRTEX_*.png")
        if (match := _IMAGE.fullmatch(path.name)) and match[1] in VARIANTS
    ]
    if not found:
        raise ValueError(
            f"no CLEVRTEX_VARIANT_NUMBER.png in {', '.join(map(str, sources))}; VARIANT is one of "
            f"{', '.join(VARIANTS)}."
        )
    for place, (variant, index, path) in enumerate(sorted(found)):
        make = functools.partial(_row, index, path)
        yield Record(str(path), split(VARIANTS[variant], index), place / len(found), make)


def split(variant: str, index: int) -> str:
    """Return the split of a scene: `train`, `validation` or `test`, after the variant's name.

    Only `full` has no name before it, and all of `outd` is `outd_test`.
    """
    tenth = _TENTH.get(variant, _TENTH_OF_OTHERS)
    parts = "test", "validation", "train"
    part = parts[min(index // tenth, 2)] if tenth else "test"
    return part if variant == "full" else f"{variant}_{part}"


def _row(index: int, path: Path) -> Row:
    mask = decode_labels(path.with_name(f"{path.stem}_flat.png").read_bytes())
    described = path.with_suffix(".json")
    try:
        content = json.loads(described.read_text("utf-8"))
        found = [dict(thing) for thing in content["objects"]]
        num_objects, objects = int(content.get("num_objects", len(found))), _known(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{described.name} does not list its objects ({type(error).__name__}: {error})."
        ) from error
    return make_row(
        index,
        decode_image(path.read_bytes()),
        mask,
        num_objects=num_objects,
        # Not every object is seen; what the file lists is numbered from 1 on.
        visibility=np.isin(np.arange(1, len(found) + 1), mask).tolist(),
        objects=objects,
    )


def _known(objects: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return dict(
        {name: [_text(value) for value in _all(objects, name)] for name in NAMED_PROPERTIES},
        position=[[float(x) for x in place] for place in _all(objects, "3d_coords")],
        rotation=[float(angle) for angle in _all(objects, "rotation")],
    )


def _all(objects: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [o[name] for o in objects] if all(name in o for o in objects) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
