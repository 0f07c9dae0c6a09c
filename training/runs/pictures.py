"""The pictures of a run: segmented scenes, and the curves of loss and scores."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hub import atomic_file
from isa_eqx import ISA, Colours, Frame, ISAConfig, Output, attention_masks

from ..data import COLOURS, Scenes, draw_axes
from ..evaluation import explain, segmentation


def draw_samples(
    model: ISA,
    scenes: Scenes,
    path: Path,
    title: str,
    chosen: Int[np.ndarray, " r"] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Draw scenes, a row each: input, reconstruction, segmentation, labels if any, and every slot.

    Of a model of features: input, features, what is explained of them, and so on.

    With the initial frames that they are scored with.

    - `chosen`: their places among the scenes; by default the first six.
    - `notes`: a text for each row.

    A slot is drawn as its reconstruction times its mask, with its frame as a cross: at its
    position, and for a variant with scales along the frame's axes, as long as the scale.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    chosen = np.arange(min(6, len(scenes))) if chosen is None else chosen
    scenes, rows = scenes[chosen], len(chosen)
    out = explain(model, scenes.seen, chosen.astype(np.uint32), np.array(0, np.uint32))
    seen = {name: np.asarray(value) for name, value in _seen(scenes, model, out).items()}
    palette = np.array([to_rgb(c) for c in COLOURS])
    painted, slots = seen.pop("slots"), model.config.num_slots
    segmentation = seen["predicted"]
    if scenes.labels is not None:
        seen["true"] = _matched(scenes.labels, segmentation)
    for name in {"predicted", "true"} & seen.keys():
        seen[name] = palette[seen[name] % len(palette)]
    seen |= {f"slot {k}": painted[:, k] for k in range(slots)}
    names, columns = list(seen), list(seen.values())

    height, width = scenes.images.resize.size
    size = 1.25 * len(columns), 1.25 * rows * height / width + 0.7
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for row in range(rows):
        for column, (name, pictures) in enumerate(zip(names, columns, strict=True)):
            axis = axes[row, column]
            axis.imshow(np.clip(pictures[row], 0, 1), interpolation="nearest")
            axis.set_xticks([])
            axis.set_yticks([])
            if notes and column == 0:
                axis.set_ylabel(notes[row], fontsize=8)
            if row == 0:
                axis.set_title(name, fontsize=9)
            slot = column - len(names) + slots
            if slot >= 0:
                colour = COLOURS[slot % len(COLOURS)]
                frame = jax.tree.map(lambda x, at=(row, slot): np.asarray(x)[at], out.frames)
                _draw_frame(axis, frame, model.config)
                axis.spines[:].set(color=colour, linewidth=2)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _seen(scenes: Scenes, model: ISA, out: Output) -> dict[str, Array]:
    """Return what is seen of scenes, by title: images, what slots explain of them, and slots.

    Of features, the three leading components are drawn as colours, and slots as their part of the
    image.
    """
    images = scenes.images.floats()
    if isinstance(out.painted, Colours):
        explained = {"reconstruction": out.reconstruction}
        slots = out.masks[..., None] * out.slot_reconstructions
    else:
        maps = scenes.features.floats() if scenes.features else jax.vmap(model.target)(images)
        explained = {"features": maps, "explained": out.painted.reconstruction}
        explained = {name: _as_colours(values, maps) for name, values in explained.items()}
        is_attention = model.config.masks_of == "attention"
        masks = attention_masks(out.attention, model.config) if is_attention else out.masks
        slots = masks[..., None] * images[:, None]
    found = segmentation(out, model.config)
    return dict(input=images, **explained, predicted=found, slots=slots)


def _as_colours(values: Float[Array, "b y x c"], scale: Float[Array, "b y x c"]) -> Array:
    """Return three leading components as colours: from the least to the largest of a scale."""
    low, high = (f(scale[..., :3], axis=(0, 1, 2), keepdims=True) for f in (jnp.min, jnp.max))
    return (values[..., :3] - low) / (high - low)


def _draw_frame(axis: Any, frame: Frame, config: ISAConfig) -> None:
    """Draw a frame as a cross: a mark at its position, or axes of the length of its scale."""
    if config.variant == "sa":
        return
    if config.variant == "isa-t":
        height, width = config.image_size
        centre = (frame.position[::-1] + 1) * (np.array([width, height]) - 1) / 2
        axis.plot(*centre, "+", color="white", markersize=9, markeredgewidth=1.5)
    else:
        draw_axes(axis, frame, config.image_size)


def draw_curve(metrics: Path, path: Path, title: str) -> None:
    """Draw loss and scores over steps, from a run's `metrics.jsonl`."""
    from matplotlib.figure import Figure

    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    figure.suptitle(title, fontsize=10)
    left, right = figure.subplots(1, 2)
    left.plot(*_series(records, "loss"), color="#4c78a8", linewidth=1)
    left.set(xlabel="step", ylabel="loss per image", yscale="log")
    scores = [("fg_ari", "FG-ARI", "#54a24b"), ("ari", "ARI", "#f58518")]
    if not any("validation_fg_ari" in record for record in records):  # images without label maps
        scores = [("mse", "MSE", "#54a24b")]
    for name, label, colour in scores:
        right.plot(*_series(records, f"validation_{name}"), ".-", color=colour, label=label)
    if scores[0][0] == "mse":
        right.set(xlabel="step", ylabel="validation MSE", yscale="log")
    else:
        low = min(0, right.get_ylim()[0])
        right.set(xlabel="step", ylabel="validation score", ylim=(low, 1.02))
        right.legend(frameon=False, loc="lower right")
    save_plot(figure, path)


def draw_sweep(rows: Sequence[dict[str, Any]], path: Path, title: str) -> None:
    """Draw FG-ARI over the size of the training set: a point for every seed, a line of medians.

    - `rows`: `variant`, `train_examples`, `seed` and `fg_ari` of each run, `None` if it diverged.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.set_title(title, fontsize=10)
    sizes = sorted({row["train_examples"] for row in rows})
    variants = list(dict.fromkeys(row["variant"] for row in rows))
    for place, variant in enumerate(variants):
        colour, medians = COLOURS[place % len(COLOURS)], []
        shift = 1.04 ** (place - (len(variants) - 1) / 2)  # beside each other
        for size in sizes:
            of_size = [r for r in rows if (r["variant"], r["train_examples"]) == (variant, size)]
            found = [row["fg_ari"] for row in of_size if row["fg_ari"] is not None]
            axis.plot([size * shift] * len(found), found, "o", color=colour, alpha=0.6, ms=5)
            medians.append(np.median(found) if found else np.nan)
        axis.plot([size * shift for size in sizes], medians, "-", color=colour, label=variant)
    axis.set(xlabel="training images", ylabel="FG-ARI (line: median of seeds)", ylim=(None, 1.02))
    axis.legend(frameon=False, loc="lower right")
    save_plot(figure, path, sizes)


def save_plot(figure: Any, path: Path, ticks: Sequence[int] | None = None) -> None:
    """Write a figure of curves as PNG, in the style of this project.

    - `ticks`: of a logarithmic horizontal axis.
    """
    for axis in figure.axes:
        if ticks is None:
            axis.locator_params(axis="x", nbins=5)  # five-figure steps in half a picture
        else:
            axis.set_xscale("log", base=2)
            axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _series(records: Sequence[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    found = [(record["step"], record[name]) for record in records if name in record]
    return [step for step, _ in found], [value for _, value in found]


def _matched(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Rename true labels to the slots that overlap them most, so that colours can be compared."""
    from scipy.optimize import linear_sum_assignment

    names = np.arange(max(true.max(), predicted.max()) + 1)
    renamed = np.empty_like(predicted)
    for i, (t, p) in enumerate(zip(true, predicted, strict=True)):
        overlap = np.array([[np.sum((t == a) & (p == b)) for b in names] for a in names])
        renamed[i] = linear_sum_assignment(-overlap)[1][t]
    return renamed
