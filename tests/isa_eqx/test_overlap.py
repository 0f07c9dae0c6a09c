"""mIoU and mBO equal those by NumPy and SciPy's matching, and obey the laws of an overlap."""

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from isa_eqx.metrics import mean_best_overlap, mean_iou

from ..laws import law
from ..strategies import LABELS, label_maps
from .test_metrics import ROUNDING, backgrounds, score

both = st.sampled_from([mean_iou, mean_best_overlap])
names = st.permutations(range(LABELS)).map(np.array)


def overlaps(true, pred, ignore):
    """Of each object with each segment, pixel by pixel."""
    objects = [label for label in np.unique(true) if label not in ignore]
    masks = [(true == label, pred == k) for label in objects for k in range(LABELS)]
    found = [(a & b).sum() / (a | b).sum() for a, b in masks]
    return np.array(found).reshape(len(objects), LABELS)


@law(maps=label_maps(), ignored=backgrounds)
def test_they_are_those_of_numpy_and_scipy(maps, ignored):
    found = overlaps(maps.true, maps.pred, ignored)
    matched, best = (score(f, maps.true, maps.pred, ignored) for f in (mean_iou, mean_best_overlap))
    if len(found) == 0:
        assert np.isnan(matched) and np.isnan(best)
        return
    rows, columns = linear_sum_assignment(-found)
    assert matched == pytest.approx(found[rows, columns].sum() / len(found), abs=ROUNDING)
    assert best == pytest.approx(found.max(axis=1).mean(), abs=ROUNDING)
    assert 0 <= matched <= best + ROUNDING <= 1 + 2 * ROUNDING


@law(maps=label_maps(), metric=both, renamed=names)
def test_names_mean_nothing_and_everything_overlaps_with_itself(maps, metric, renamed):
    assert score(metric, maps.true, renamed[maps.true]) == 1
    before = score(metric, maps.true, maps.pred)
    assert score(metric, maps.true, renamed[maps.pred]) == pytest.approx(before, abs=ROUNDING)
    assert score(metric, renamed[maps.true], maps.pred) == pytest.approx(before, abs=ROUNDING)


def test_one_segment_for_two_objects_is_matched_once_and_best_twice():
    true, pred = np.repeat([0, 1, 2], 4), np.repeat([0, 1, 1], 4)
    assert score(mean_iou, true, pred, (0,)) == 0.25
    assert score(mean_best_overlap, true, pred, (0,)) == 0.5


def test_a_segment_that_reaches_into_the_background_overlaps_less():
    true, pred = np.repeat([0, 1], [6, 2]), np.repeat([0, 1], [2, 6])
    assert score(mean_iou, true, pred, (0,)) == pytest.approx(1 / 3)


def test_a_greedy_match_is_not_enough():
    """Object 1 overlaps most with segment 1, but 2 overlaps with that alone."""
    true = np.array([1] * 6 + [2] * 3)
    pred = np.array([1] * 3 + [2] * 3 + [1] * 3)
    wanted = (3 / 6 + 3 / 6) / 2
    assert score(mean_iou, true, pred) == pytest.approx(wanted)


def test_pixels_with_invalid_labels_do_not_count():
    true, pred = jnp.array([[1, 1, -1, 1, 7]]), jnp.array([[2, 2, 2, -1, 2]])
    assert float(mean_iou(true, pred, LABELS, LABELS)[0]) == 1.0
