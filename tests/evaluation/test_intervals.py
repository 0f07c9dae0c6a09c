"""A bootstrap interval has the true mean in it as often as it says."""

import numpy as np

from training.evaluation.intervals import interval, mean_of


def test_it_covers_the_truth_as_often_as_it_says():
    """Of a thousand draws of scores like those of a model: most near 1, some far below."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(1000):
        low, high = interval(rng.beta(8, 1, 200))
        covered += low <= 8 / 9 <= high
    assert 930 <= covered <= 970


def test_what_is_not_a_number_does_not_count():
    values = np.random.default_rng(0).normal(size=50)
    padded = np.concatenate([values, np.full(9, np.nan)])
    assert interval(padded) == interval(values) and mean_of(padded) == values.mean()
    assert np.isnan(mean_of(padded[50:])) and np.isnan(interval(padded[50:])).all()


def test_it_is_the_same_every_time_and_of_equal_values_a_point():
    values = np.random.default_rng(0).normal(size=50)
    assert interval(values) == interval(values)
    assert interval(np.full(20, 0.25)) == (0.25, 0.25)
    assert interval(np.array([0.5])) == (0.5, 0.5)
