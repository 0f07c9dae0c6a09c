"""Scores equal scikit-learn's, to the last digits of float32."""

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from sklearn.metrics import adjusted_rand_score

from isa_eqx.metrics import adjusted_rand_index, mean_squared_error

LABELS = 5


@st.composite
def label_maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two label maps of one size: unrelated, equal, coarser or of a single cluster."""
    size = draw(st.sampled_from([1, 2, 16, 35 * 35, 128 * 128]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    skew = rng.dirichlet(np.full(LABELS, draw(st.sampled_from([0.01, 0.3, 10.0]))), size=2)
    true, pred = (rng.choice(LABELS, size, p=p) for p in skew)
    kind = draw(st.sampled_from(["unrelated", "equal", "renamed", "merged", "nearly"]))
    if kind == "equal":
        pred = true
    elif kind == "renamed":
        pred = rng.permutation(LABELS)[true]
    elif kind == "merged":
        pred = true // 2
    elif kind == "nearly":
        pred = np.where(rng.random(size) < 0.01, pred, true)
    return true, pred


def score(true: np.ndarray, pred: np.ndarray, ignore: tuple[int, ...] = ()) -> float:
    one = (jnp.asarray(x, jnp.int32)[None] for x in (true, pred))
    return float(adjusted_rand_index(*one, LABELS, LABELS, ignore=ignore)[0])


@given(label_maps())
@example((np.zeros(9, int), np.zeros(9, int)))
@example((np.zeros(9, int), np.arange(9) % 5))
@example((np.arange(5), np.arange(5)))
@example((np.arange(5), np.zeros(5, int)))
def test_ari_is_scikit_learns(maps):
    assert score(*maps) == pytest.approx(adjusted_rand_score(*maps), abs=1e-6)


@given(label_maps(), st.sampled_from([(0,), (0, 1, 2, 3), (1, 3)]))
def test_ignored_labels_do_not_count(maps, ignored):
    true, pred = maps
    kept = ~np.isin(true, ignored)
    expected = adjusted_rand_score(true[kept], pred[kept])
    assert score(true, pred, ignored) == pytest.approx(expected, abs=1e-6)


def test_without_any_pixel_it_is_one():
    assert score(np.zeros(9, int), np.arange(9) % 5, ignore=(0,)) == 1.0


def test_each_image_of_a_batch_has_its_own_score():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, LABELS, (2, 4, 6, 7))
    batch = adjusted_rand_index(jnp.asarray(true), jnp.asarray(pred), LABELS, LABELS)
    one_by_one = [
        adjusted_rand_score(t.ravel(), p.ravel()) for t, p in zip(true, pred, strict=True)
    ]
    np.testing.assert_allclose(batch, one_by_one, atol=1e-6)


def test_too_many_pairs_for_whole_numbers_are_refused():
    labels = jnp.zeros((1, 92_682), jnp.int32)
    with pytest.raises(ValueError, match=r"At most 92681 pixels an image, got 92682"):
        adjusted_rand_index(labels, labels, 1, 1)


def test_mean_squared_error_is_a_mean_over_pixels_and_channels():
    true = jnp.zeros((2, 3, 5, 3))
    pred = true.at[1].add(0.5)
    np.testing.assert_allclose(mean_squared_error(true, pred), [0.0, 0.25])
