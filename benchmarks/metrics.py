"""Scores of a thousand segmentations, against a loop over images with scikit-learn and SciPy:
`python -m benchmarks.metrics`.
"""

import datetime
import functools
import statistics
from collections.abc import Callable

import numpy as np
import tyro

from hub.common.terminal import resilient_output
from training.evaluation.scoring import BATCH, compare
from training.runs import commit_hash, device_name

from .measure import in_turns

SCORES = ("fg_ari", "ari", "miou", "mbo")


def main(images: int = 1000, size: int = 128, slots: int = 11, repeats: int = 5) -> None:
    """Time FG-ARI, ARI, mIoU and mBO of random label maps, half of whose pixels are right.

    Args:
        images: Their number.
        size: Their height and width.
        slots: Number of labels, and of slots.
        repeats: Timed runs of each form, in turns.
    """
    rng = np.random.default_rng(0)
    true, other = rng.integers(0, slots, (2, images, size, size), np.uint8)
    pred = np.where(rng.random(true.shape) < 0.5, other, true).astype(np.int32)
    forms: dict[str, Callable[[], np.ndarray]] = {
        "batches, jitted": lambda: in_batches(true, pred, slots),
        "a loop over images": lambda: in_a_loop(true, pred, slots),
    }
    found: dict[str, np.ndarray] = {}

    def call(name: str) -> None:
        found[name] = forms[name]()

    times = in_turns({name: functools.partial(call, name) for name in forms}, repeats)
    ours, loop = (statistics.median(seconds) for seconds in times.values())
    print(
        f"{images:,} images of {size}×{size}, {slots} slots; {device_name()}; commit "
        f"{commit_hash()}, {datetime.date.today().isoformat()}"
    )
    for name, seconds in times.items():
        low, high = min(seconds), max(seconds)
        print(f"{name:20} {statistics.median(seconds):7.3f} s  ({low:.3f} … {high:.3f})")
    apart = np.abs(found["batches, jitted"] - found["a loop over images"]).max()
    print(f"{loop / ours:.0f}× as fast; largest difference of a score {apart:.0e}")


def in_batches(true: np.ndarray, pred: np.ndarray, slots: int) -> np.ndarray:
    """Return the scores of each image, a row for each of them, as `training.evaluate` does."""
    parts = []
    for first in range(0, len(true), BATCH):
        part = slice(first, first + BATCH)
        parts.append(compare(true[part], pred[part], slots, slots, (0,)))
    return np.array([np.concatenate([part[name] for part in parts]) for name in SCORES])


def in_a_loop(true: np.ndarray, pred: np.ndarray, slots: int) -> np.ndarray:
    """Return the same by other libraries, image by image."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score
    from sklearn.metrics.cluster import contingency_matrix

    found = []
    for labels, segments in zip(true, pred, strict=True):
        labels, segments = labels.ravel(), segments.ravel()
        objects = labels > 0
        table = np.asarray(contingency_matrix(labels, segments))
        union = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
        overlap = (table / union)[np.unique(labels) > 0]
        matched = overlap[linear_sum_assignment(-overlap)].sum() / len(overlap)
        fg_ari = adjusted_rand_score(labels[objects], segments[objects])
        ari = adjusted_rand_score(labels, segments)
        found.append((fg_ari, ari, matched, overlap.max(axis=1).mean()))
    return np.array(found).T


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m benchmarks.metrics")
