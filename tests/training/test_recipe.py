"""The optimiser of a recipe: clipping, the schedule, Adam."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.step import make_optimiser

from ..tiny import TINY

RECIPE = dataclasses.replace(TINY, steps=40, warmup_steps=10, learning_rate=0.3, clip_norm=2.0)


def moves(gradients, config=RECIPE):
    """By how much each gradient in turn moves its weights."""
    optimiser = make_optimiser(config)
    gradients = [{name: jnp.asarray(x) for name, x in one.items()} for one in gradients]
    state, found = optimiser.init(gradients[0]), []
    with jax.numpy_dtype_promotion("standard"):  # as in a step
        for gradient in gradients:
            update, state = optimiser.update(gradient, state)
            found.append(jax.tree.map(np.asarray, update))
    return found


def test_gradients_are_clipped_by_their_global_norm():
    """One that is too long counts as the one of that direction and the largest norm; Adam would
    remember the difference.
    """
    long, short = {"a": [30.0, 0.0], "b": [40.0]}, {"a": [0.3, 0.4], "b": [0.0]}
    clipped = {"a": [1.2, 0.0], "b": [1.6]}
    for ours, wanted in zip(
        moves([long, short, long]), moves([clipped, short, clipped]), strict=True
    ):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), ours, wanted)
    same, shorter = moves([short, {"a": [0.6, 0.8], "b": [0.0]}]), moves([short, short])
    assert abs(same[1]["a"] - shorter[1]["a"]).max() > 1e-4  # those within the norm are left alone


@pytest.mark.quick
def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine_to_zero():
    """Under a gradient that stays the same, every step of Adam is as long as its rate."""
    rates = -np.array([update["a"][0] for update in moves([{"a": [1.0]}] * 41)])
    step = np.arange(41)
    rising, falling = 0.3 * step / 10, 0.15 * (1 + np.cos(np.pi * (step - 10) / 30))
    np.testing.assert_allclose(rates, np.where(step < 10, rising, falling), rtol=1e-4, atol=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize(("second", "length"), [(1.0, 1.0), (-1.0, -0.0526)])
def test_momentum_is_adams(second, length):
    """β₁ = 0.9, β₂ = 0.999: after g and -g the corrected mean is (0.1 - 0.09) / 0.19 of g."""
    config = dataclasses.replace(RECIPE, warmup_steps=0, steps=10**6)
    found = moves([{"a": [1.0]}, {"a": [second]}], config)
    np.testing.assert_allclose(found[1]["a"] / found[0]["a"], length, rtol=2e-3)
