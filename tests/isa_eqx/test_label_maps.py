"""Metrics take any whole numbers as labels, under any settings, or say what they want."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx.metrics import adjusted_rand_index, match_objects, mean_best_overlap, mean_iou

METRICS = [adjusted_rand_index, mean_iou, mean_best_overlap, match_objects]
NARROW = ["int8", "uint8", "int16", "uint16", "int32"]
WIDE = ["uint32", "int64", "uint64"]
TRUE = np.array([[0, 0, 1, 1, 1, 0], [1, 1, 1, 0, 2, 2], [0, 0, 0, 0, 0, 0]])
PRED = np.array([[1, 1, 0, 0, 1, 1], [0, 0, 2, 1, 1, 1], [0, 1, 2, 0, 1, 2]])


def scores(true, pred, num=3):
    """All there are, with NaN for an image without objects."""
    found = [metric(true, pred, num, num, (0,)) for metric in METRICS]
    return [np.asarray(leaf) for leaf in jax.tree.leaves(found)]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def wanted():
    return scores(TRUE, PRED)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", NARROW + WIDE)
def test_any_whole_numbers_are_labels(wanted, dtype):
    true, pred = TRUE.astype(dtype), PRED.astype(dtype)
    assert_same(scores(true, pred), wanted)
    if jax.dtypes.canonicalize_dtype(dtype) == dtype:
        assert_same(scores(jnp.asarray(true), jnp.asarray(pred)), wanted)


@pytest.mark.quick
def test_truth_values_are_two_labels():
    numbers = adjusted_rand_index(TRUE == 1, PRED == 1, 3, 3)
    wanted = adjusted_rand_index((TRUE == 1).astype(int), (PRED == 1).astype(int), 3, 3)
    np.testing.assert_array_equal(numbers, wanted)
    np.testing.assert_array_equal(
        adjusted_rand_index(jnp.asarray(TRUE == 1), PRED == 1, 3, 3), wanted
    )


@pytest.mark.quick
@pytest.mark.parametrize("dtype", NARROW + WIDE)
def test_void_does_not_count(wanted, dtype):
    """The numbers that others write where nobody knows what is there, as large as they come.

    In 32 bits, 2³² + 1 would be 1, and 2³¹ below 0.
    """
    info = np.iinfo(dtype)
    for void in {-1, 3, 127, 255, 65_535, 2**31, 2**32 + 1, 2**63 + 1, info.min, info.max}:
        if void == 0 or not info.min <= void <= info.max:
            continue
        beside = np.full((3, 1), void, dtype)
        true = np.concatenate([TRUE.astype(dtype), beside, np.ones_like(beside)], axis=1)
        pred = np.concatenate([PRED.astype(dtype), np.ones_like(beside), beside], axis=1)
        assert_same(scores(true, pred), wanted)


def test_64_bits_change_nothing(wanted):
    with jax.enable_x64(True):
        assert_same(scores(TRUE, PRED), wanted)
        assert_same(scores(jnp.asarray(TRUE), jnp.asarray(PRED)), wanted)


@pytest.mark.quick
def test_a_score_that_is_nan_is_no_error(wanted):
    assert np.isnan(wanted[1][2]) and np.isnan(wanted[2][2])  # no object in the last image
    with jax.debug_nans(True):
        assert_same(scores(TRUE, PRED), wanted)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("shape", "ari"), [((3, 2, 3), [1] * 3), ((0, 2, 3), []), ((2, 0), [1, 1]), ((2,), [1, 1])]
)
def test_shapes_of_all_kinds(shape, ari):
    labels = np.ones(shape, int)
    np.testing.assert_array_equal(adjusted_rand_index(labels, labels, 3, 3), ari)


@pytest.mark.quick
@pytest.mark.parametrize("metric", METRICS)
def test_what_is_wanted_is_said(metric):
    for true, pred, counts, ignore, said in [
        (TRUE / 2, PRED, (3, 3), (), "true must be label maps of whole numbers, got float64"),
        (TRUE, PRED * 1.0, (3, 3), (), "pred must be label maps of whole numbers, got float64"),
        (TRUE, PRED[:, :4], (3, 3), (), r"must be alike, got \(3, 6\) and \(3, 4\)"),
        (1, 1, (3, 3), (), "true must be a batch of label maps, got one number"),
        (TRUE, PRED, (0, 3), (), "num_true must be 1 or more"),
        (TRUE, PRED, (3, PRED.max() - 2), (), "num_pred must be 1 or more"),
        (TRUE, PRED, (2**20, 2**20), (), "number the labels anew"),
        (TRUE, PRED, (3, 3), 0, r"ignore must be labels such as \(0,\), got 0"),
    ]:
        with pytest.raises(ValueError, match=said):
            metric(true, pred, *counts, ignore)


@pytest.mark.quick
def test_numbers_of_numpy_are_numbers(wanted):
    largest = PRED.max() + 1
    found = adjusted_rand_index(TRUE, PRED, largest, largest, np.array([0, 2**40]))
    np.testing.assert_array_equal(found, wanted[0])
