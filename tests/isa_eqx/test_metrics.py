"""Scores equal scikit-learn's, to the last digits of float32, and obey the laws of a score."""

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given
from sklearn.metrics import adjusted_rand_score

from isa_eqx.metrics import adjusted_rand_index, mean_squared_error

from ..laws import law
from ..strategies import LABELS, Labelled, label_maps, seeds

ROUNDING = 1e-6  # numbers below 1, from sums that are exact
backgrounds = st.sampled_from([(0,), (0, 1, 2, 3), (1, 3)])


@pytest.fixture(scope="session")
def index():
    """The score of one batch; broken ones take its place."""
    return adjusted_rand_index


def score(index, true, pred, ignore=()) -> float:
    one = (jnp.asarray(x, jnp.int32)[None] for x in (true, pred))
    return float(index(*one, LABELS, LABELS, ignore=ignore)[0])


@given(maps=label_maps())
@example(maps=Labelled("empty", np.zeros(9, int), np.zeros(9, int)))
@example(maps=Labelled("one and all", np.zeros(9, int), np.arange(9) % 5))
@example(maps=Labelled("all", np.arange(5), np.arange(5)))
@example(maps=Labelled("all and one", np.arange(5), np.zeros(5, int)))
@example(maps=Labelled("large", *np.random.default_rng(0).integers(0, 5, (2, 128 * 128))))
def test_ari_is_scikit_learns(index, maps):
    expected = adjusted_rand_score(maps.true, maps.pred)
    assert score(index, maps.true, maps.pred) == pytest.approx(expected, abs=ROUNDING)


@law(maps=label_maps(), ignored=backgrounds)
def test_ignored_labels_do_not_count(index, maps, ignored):
    kept = ~np.isin(maps.true, ignored)
    expected = adjusted_rand_score(maps.true[kept], maps.pred[kept])
    assert score(index, maps.true, maps.pred, ignored) == pytest.approx(expected, abs=ROUNDING)


@law(maps=label_maps(), ignored=backgrounds, seed=seeds)
def test_what_is_predicted_where_labels_are_ignored_does_not_count(index, maps, ignored, seed):
    other = np.random.default_rng(seed).integers(0, LABELS, maps.pred.shape)
    pred = np.where(np.isin(maps.true, ignored), other, maps.pred)
    assert score(index, maps.true, pred, ignored) == score(index, maps.true, maps.pred, ignored)


@pytest.mark.quick
@law(maps=label_maps())
def test_ari_is_symmetric(index, maps):
    there, back = score(index, maps.true, maps.pred), score(index, maps.pred, maps.true)
    assert there == pytest.approx(back, abs=ROUNDING)


@pytest.mark.quick
@law(maps=label_maps(), names=st.permutations(range(LABELS)).map(np.array))
def test_names_of_labels_mean_nothing(index, maps, names):
    before = score(index, maps.true, maps.pred)
    assert score(index, maps.true, names[maps.pred]) == pytest.approx(before, abs=ROUNDING)
    assert score(index, names[maps.true], maps.pred) == pytest.approx(before, abs=ROUNDING)


@pytest.mark.quick
@law(maps=label_maps())
def test_everything_agrees_with_itself(index, maps):
    assert score(index, maps.true, maps.true) == 1


@law(maps=label_maps(sizes=(100, 300)), seed=seeds)
def test_chance_scores_nothing(index, maps, seed):
    """The mean over orders of the pixels is 0 for any two maps, but for two of one label each.

    Where nearly all pixels have one label, too few of 200 orders differ to tell.
    """
    size = maps.true.size
    assume(all(np.bincount(labels).max() < 0.9 * size for labels in (maps.true, maps.pred)))
    shuffled = np.random.default_rng(seed).permuted(np.tile(maps.pred, (200, 1)), axis=1)
    true, pred = (jnp.asarray(x, jnp.int32) for x in (np.tile(maps.true, (200, 1)), shuffled))
    scores = np.asarray(index(true, pred, LABELS, LABELS))
    assert abs(scores.mean()) < 6 * scores.std() / np.sqrt(len(scores)) + ROUNDING


@pytest.mark.quick
def test_without_any_pixel_it_is_one(index):
    assert score(index, np.zeros(9, int), np.arange(9) % 5, ignore=(0,)) == 1.0


@pytest.mark.quick
def test_each_image_of_a_batch_has_its_own_score():
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, LABELS, (2, 4, 6, 7))
    batch = adjusted_rand_index(jnp.asarray(true), jnp.asarray(pred), LABELS, LABELS)
    one_by_one = [
        adjusted_rand_score(t.ravel(), p.ravel()) for t, p in zip(true, pred, strict=True)
    ]
    np.testing.assert_allclose(batch, one_by_one, atol=1e-6)


@pytest.mark.quick
def test_too_many_pairs_for_whole_numbers_are_refused():
    labels = jnp.zeros((1, 92_682), jnp.int32)
    with pytest.raises(ValueError, match=r"At most 92681 pixels an image, got 92682"):
        adjusted_rand_index(labels, labels, 1, 1)


@pytest.mark.quick
def test_mean_squared_error_is_a_mean_over_pixels_and_channels():
    true = jnp.zeros((2, 3, 5, 3))
    pred = true.at[1].add(0.5)
    np.testing.assert_allclose(mean_squared_error(true, pred), [0.0, 0.25])


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_an_error_is_precise_whatever_the_images_are(dtype):
    """A square of 2⁻¹⁴ is none in float16, and a mean in bfloat16 has three digits."""
    true, pred = jnp.zeros((1, 3), dtype), jnp.asarray([[2.0**-14, 0, 1]], dtype)
    found = mean_squared_error(true, pred)
    np.testing.assert_allclose(found, (1 + 2.0**-28) / 3, rtol=1e-6)
    small = mean_squared_error(true[:, :2], pred[:, :2])
    np.testing.assert_allclose(small, 2.0**-29, rtol=1e-6)
