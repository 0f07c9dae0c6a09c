"""Importance sampling: what it may depend on, and that it is without bias."""

import dataclasses

import equinox as eqx
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given

from training.data import load
from training.objective.loss import loss
from training.objective.sampling import UNIFORM, contrast, importance, sample_pixels
from training.step import initial_state

from ..conftest import fully_optimised
from ..tiny import TINY, as_variant

DRAWS = 4000
images = hnp.arrays(np.uint8, (6, 7, 3)).map(lambda x: jnp.asarray(x, jnp.float32) / 255)
compiled = jax.jit(importance)


def drawn(image, count, key):
    """Probabilities, and the pixels and weights that are drawn with them."""
    probability = compiled(image)
    return map(np.asarray, (probability, *sample(probability, count, key=key)))


sample = jax.jit(sample_pixels, static_argnums=1)


@pytest.mark.quick
@given(images)
def test_probabilities_sum_to_one_and_leave_no_pixel_out(image):
    probability = compiled(image)
    np.testing.assert_allclose(probability.sum(), 1, rtol=1e-5)
    assert (probability >= UNIFORM / probability.size * (1 - 1e-5)).all()


@pytest.mark.quick
@given(images, st.permutations(range(3)))
def test_no_colour_is_special(image, channels):
    for other in (1 - image, image[..., jnp.asarray(channels)]):
        np.testing.assert_allclose(compiled(other), compiled(image), rtol=1e-3)


@pytest.mark.quick
@given(images)
def test_contrast_is_the_range_of_a_neighbourhood(image):
    pixels, (height, width), found = np.asarray(image), image.shape[:2], contrast(image)
    for y, x in np.ndindex(height, width):
        near = pixels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3)
        np.testing.assert_array_equal(found[y, x], np.ptp(near, axis=0).max())


@pytest.mark.quick
def test_without_contrast_all_pixels_are_alike():
    np.testing.assert_allclose(importance(jnp.full((4, 5, 3), 0.3)), 1 / 20, rtol=1e-6)


@pytest.mark.quick
@given(images, st.integers(0, 2**31 - 1))
def test_every_region_gets_its_share_of_every_draw(image, seed):
    """Stratified: of any first pixels, never a whole pixel more or less than expected."""
    count = 20
    probability, chosen, weights = drawn(image, count, jr.key(seed))
    np.testing.assert_allclose(weights, 1 / (count * probability[chosen]), rtol=1e-6)
    so_far = (chosen[:, None] <= np.arange(len(probability))).sum(axis=0)
    assert np.abs(so_far - count * np.cumsum(probability)).max() < 1 + 1e-4


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_random_pixels_estimate_the_loss_and_its_gradient_without_bias(share):
    """The mean of many draws is the whole image's, as far as their number can tell: the squared
    distance of a mean from the truth is their variance over their number.
    """
    # Plain Slot Attention, so that the pixels are the only thing that is random.
    config = dataclasses.replace(as_variant(TINY, "sa"), ownership=share)
    image, model = load("tetrominoes", "train", 1).images.floats()[0], initial_state(config).model
    end = jnp.asarray(config.steps)

    @eqx.filter_jit
    def estimates(config, keys):
        def one(key):
            cost = lambda m: loss(m, image, config, end, key=key)  # noqa: E731
            return eqx.filter_value_and_grad(cost)(model)

        return jax.lax.map(one, keys, batch_size=100)

    with fully_optimised():  # so many draws take longer than compiling
        whole = estimates(dataclasses.replace(config, loss_pixels=None), jr.split(jr.key(0), 1))
        sampled = estimates(config, jr.split(jr.key(4), DRAWS))
    for draws, truth in zip(sampled, whole, strict=True):
        draws, truth = (
            np.concatenate([np.reshape(x, (len(x), -1)) for x in jax.tree.leaves(tree)], axis=1)
            for tree in (draws, truth)
        )
        distance = np.square(draws.mean(axis=0) - truth[0]).sum()
        expected = draws.var(axis=0).sum() / DRAWS
        assert distance < 4 * expected
        assert expected < 0.02**2 * np.square(truth).sum()
