"""Numbers: finite slopes, float32 close to float64, the same however it is run."""

import functools

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import VARIANTS, coordinates
from isa_eqx.symmetries import SYMMETRIES

from ..conftest import AS_FOR_USERS, KEY, fully_optimised
from ..laws import assert_close, condition, explained, law
from ..strategies import EPSILON, SLOTS, attention_maps, frames, picture, seeds, used

# Some forty layers in a row, four rounds of attention among them, each of which may lose a few
# roundings. Of 1,500 images the worst lost 64 in all, so two programs may differ by twice that.
ROUNDING = 256 * EPSILON
SQUARE = np.asarray(coordinates(9, 9), np.float64)


def awkward() -> list[jax.Array]:
    """Masks on which formulas for axes fail."""
    y, x = SQUARE.T
    masks = [
        np.ones_like(x),  # all equal
        np.abs(x) + np.abs(y) < 0.01,  # a single pixel
        x + y > 1.99,  # a corner
        x * x + y * y < 0.5,  # round
        np.abs(y) < 0.01,  # a line, level, upright and along both diagonals
        np.abs(x) < 0.01,
        np.abs(x - y) < 0.01,
        np.abs(x + y) < 0.01,
    ]
    normalised = [mask / mask.sum() for mask in masks] + [np.zeros_like(x)]
    return [jnp.asarray(mask, jnp.float32)[None] for mask in normalised]


masks = attention_maps(SQUARE) | st.sampled_from(awkward())


@eqx.filter_jit
@eqx.filter_value_and_grad
def seen(mask, kind, grid):
    frames = kind.estimate(mask, grid)
    numbers = (kind.relative(frames, grid), frames)
    return sum(jnp.sin(leaf).sum() for leaf in jax.tree.leaves(numbers))


@pytest.fixture(scope="module", params=VARIANTS)
def kind(request):
    return SYMMETRIES[request.param]()


@law(mask=masks, size=st.sampled_from([1.0, 1e-4, 100.0]))
def test_slopes_are_finite_for_every_mask(kind, mask, size):
    value, slope = seen(mask, kind, jnp.asarray(size * SQUARE, jnp.float32))
    assert jnp.isfinite(value) and jnp.isfinite(slope).all()


def test_slopes_are_finite_on_a_map_of_one_cell(kind):
    value, slope = seen(jnp.ones((1, 1)), kind, coordinates(1, 1))
    assert jnp.isfinite(value) and jnp.isfinite(slope).all()


@law(seed=seeds, scale=st.sampled_from([0.0, 1e-6, 1.0]))
def test_slopes_are_finite_for_every_image(any_model, seed, scale):
    """Also for an image that is plain, where slots have nothing to tell apart."""
    image = 0.5 + scale * (picture(any_model, seed) - 0.5)
    slopes = slopes_of(any_model, image, any_model.symmetry.initial(SLOTS, jnp.float32, key=KEY))
    assert all(jnp.isfinite(slope).all() for slope in jax.tree.leaves(slopes))


@eqx.filter_jit
@eqx.filter_grad
def slopes_of(model, image, frames):
    target = model.target(image)
    return jnp.square(model.explain(target, frames=frames).painted.reconstruction - target).sum()


def double(tree):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), tree)


@law(seed=seeds, frames=frames(smallest=0.1))
def test_float32_is_float64_but_for_its_rounding(any_model, seed, frames):
    image, frames = picture(any_model, seed), used(frames, any_model.symmetry)
    single = explained(any_model, image, frames)
    with jax.enable_x64(True):
        exact = explained(*double((any_model, image, frames)))
    rounding = ROUNDING * condition(any_model.symmetry, single.frames)
    assert_close(single, exact, rounding)


@law(seed=seeds, frames=frames(smallest=0.1))
def test_a_batch_is_its_images_one_by_one(any_model, seed, frames):
    image, frames = picture(any_model, seed), used(frames, any_model.symmetry)
    images = jnp.stack([image, 1 - image])
    starts = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf[::-1]]), frames)
    batch = batched(any_model, images, starts)
    for index in (0, 1):
        ours, start = (jax.tree.map(lambda leaf, i=index: leaf[i], x) for x in (batch, starts))
        one = explained(any_model, images[index], start)
        rounding = ROUNDING * condition(any_model.symmetry, one.frames)
        assert_close(ours, one, rounding)
        # What is made of a batch's arrays knows which axis is the slots'.
        assert_close(batch.masks[index], one.masks, rounding)
        assert_close(batch.painted.reconstruction[index], one.painted.reconstruction, rounding)
        np.testing.assert_array_equal(batch.segmentation[index], ours.segmentation)


@eqx.filter_jit
def batched(model, images, starts):
    return jax.vmap(lambda image, frames: model(image, frames=frames))(images, starts)


def test_compiled_or_not_it_is_the_same(any_model):
    image = picture(any_model, 0)
    with fully_optimised():
        explain = functools.partial(any_model, key=KEY)
        out = jax.jit(explain, compiler_options=AS_FOR_USERS)(image)
    rounding = ROUNDING * condition(any_model.symmetry, out.frames)
    assert_close(any_model(image, key=KEY), out, rounding)
