"""The dataset card of a mirror, and a picture of some of its scenes."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..common.files import atomic_file
from ..config_file import LIBRARY
from .shards import PROCEDURAL, Manifest
from .sources import Release
from .sources.rows import Row, decode_image, decode_labels, features

SAMPLES = "samples.png"
_CELL, _GAP = 128, 4
_PALETTE = np.array(
    [[40, 40, 40], [76, 120, 168], [245, 133, 24], [84, 162, 75], [228, 87, 86], [178, 121, 162],
     [114, 183, 178], [238, 202, 59], [157, 117, 93], [255, 157, 166], [186, 176, 172]], np.uint8
)  # fmt: skip


def dataset_card(manifest: Manifest, release: Release, name: str) -> str:
    """Return the dataset card of a finished mirror; `name` is its folder or repo."""
    from huggingface_hub import DatasetCard, DatasetCardData

    splits = _splits(manifest)
    data = DatasetCardData(
        pretty_name=release.title,
        license=release.licence,
        task_categories=["image-segmentation"],
        tags=[
            "object-centric-learning",
            "slot-attention",
            manifest.dataset,
            LIBRARY,
            *([PROCEDURAL] if manifest.is_procedural else []),
        ],
        size_categories=_size(sum(split["rows"] for split in splits.values())),
        configs=[
            dict(
                config_name="default",
                data_files=[dict(split=s, path=f"data/{s}-*.parquet") for s in splits],
            )
        ],
        dataset_info=dict(
            features=features()._to_yaml_list(),
            splits=[dict(name=s, num_examples=sums["rows"]) for s, sums in splits.items()],
        ),
    )
    return str(
        DatasetCard(f"---\n{data.to_yaml()}\n---\n\n{_text(manifest, release, splits, name)}")
    )


def draw_samples(rows: Sequence[Row], path: Path) -> None:
    """Write a picture (PNG) of the rows' images, with their label maps below them."""
    pairs = [[_cell(decode_image(row["image"]["bytes"])), _cell(_painted(row))] for row in rows]
    height = max(cell.shape[0] for pair in pairs for cell in pair)
    sheet = np.full((2 * (height + _GAP), len(rows) * (_CELL + _GAP), 3), 255, np.uint8)
    for column, pair in enumerate(pairs):
        for line, cell in enumerate(pair):
            top, left = line * (height + _GAP), column * (_CELL + _GAP)
            sheet[top : top + cell.shape[0], left : left + _CELL] = cell
    with atomic_file(path) as temporary:
        Image.fromarray(sheet[:-_GAP, :-_GAP]).save(temporary, "png")


def _painted(row: Row) -> UInt8[np.ndarray, "h w 3"]:
    if not row["has_mask"]:
        return np.full_like(decode_image(row["image"]["bytes"]), 255)
    return _PALETTE[decode_labels(row["mask"]["bytes"]) % len(_PALETTE)]


def _cell(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
    height, width, _ = pixels.shape
    size = _CELL, max(1, round(_CELL * height / width))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST))


def _splits(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return the sums over the shards of each split."""
    sums: dict[str, dict[str, Any]] = {}
    for shard in manifest.shards:
        if shard.rows:
            split = sums.setdefault(shard.split, {})
            for name in ("rows", "bytes", "masks", "objects", "overlapping", "overlap_pixels",
                         "uncovered_pixels"):  # fmt: skip
                split[name] = split.get(name, 0) + getattr(shard, name)
    return sums


def _size(rows: int) -> str:
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((name for bound, name in bounds.items() if rows < bound), "1M<n<10M")


def _text(
    manifest: Manifest, release: Release, splits: dict[str, dict[str, Any]], name: str
) -> str:
    lines = [
        f"| {split} | {s['rows']:,} | {s['masks']:,} | {s['bytes'] / 1e6:,.1f} "
        f"| {s['objects'] / max(s['masks'], 1):.2f} | {s['overlapping']:,} "
        f"| {s['overlap_pixels'] / max(s['masks'], 1):.1f} "
        f"| {s['uncovered_pixels'] / max(s['masks'], 1):.1f} |"
        for split, s in splits.items()
    ]
    table = "\n".join(lines)
    limited = "" if manifest.limit is None else f" At most {manifest.limit:,} rows of each split."
    made = f"A copy of the [release]({release.homepage}), pixel for pixel, made"
    if not release.homepage:
        made = "Made"
    if manifest.is_procedural:
        made = "Not the release: written"
    about = f"{release.about} {made} by `python -m hub.mirror` of {LIBRARY}.{limited}"
    source = f" Source: {release.homepage}" if release.homepage else ""
    columns = "\n".join(
        f"| `{column['name']}` | {column.get('dtype') or _kind(column)} |"
        for column in features()._to_yaml_list()
    )
    return f"""\
# {release.title}

{textwrap.fill(about, 100, break_long_words=False)}

![Scenes, and their labels below them]({SAMPLES})

| split | rows | with mask | MB | objects | rows with overlap | overlap | uncovered |
|---|---|---|---|---|---|---|---|
{table}

`objects`, `overlap` (pixels of several masks, of which the first wins) and `uncovered` (pixels of
none, which become background) are means over the rows with a mask.

```
{manifest.training_command(name)}
```

## Licence

{release.terms}{source}

## A row

| column | |
|---|---|
{columns}

`image` is RGB; `mask` has a label a pixel, 0 the background, and is null where `has_mask` is
false. `index` is the scene's number in its source. `visibility` and the lists of `objects`
describe labels 1, 2, …, and are empty where the source does not.
"""


def _kind(column: dict[str, Any]) -> str:
    if "struct" in column:
        return ", ".join(f"`{c['name']}`: {_kind(c)}" for c in column["struct"])
    inner = column.get("list")
    return f"list of {inner}" if isinstance(inner, str) else "list of lists of float32"
