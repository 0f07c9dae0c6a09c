"""Masks in the format of COCO: run lengths, column by column."""

from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

CATEGORY: dict[str, Any] = {"id": 1, "name": "slot", "supercategory": "object"}


def run_lengths(mask: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Return a mask as COCO's uncompressed run-length encoding, that of its crowds.

    `counts` are the lengths of runs of 0, 1, 0, … down the columns, `size` is (height, width).
    """
    flat = np.concatenate([[False], mask.ravel(order="F"), [True]])
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    counts = np.diff(ends, prepend=0)
    if mask.size and mask[-1, -1]:
        counts = np.append(counts, mask.size - counts.sum())
    return {"size": list(mask.shape), "counts": [n for n in counts.tolist()]}


def annotations(
    labels: UInt8[np.ndarray, "h w"], slots: int, image_id: int, first_id: int
) -> list[dict[str, Any]]:
    """Return an annotation for every slot that has a pixel of a label map.

    - `first_id`: of the first annotation; the others follow.
    """
    found = []
    for slot in range(slots):
        mask = labels == slot
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top = int(columns[0]), int(rows[0])
        found.append(
            {
                "id": first_id + len(found),
                "image_id": image_id,
                "category_id": CATEGORY["id"],
                "iscrowd": 1,  # as COCO's tools expect of run lengths that are not compressed
                "area": int(mask.sum()),
                "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
                "segmentation": run_lengths(mask),
                "slot": slot,
            }
        )
    return found
