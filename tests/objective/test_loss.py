"""The loss: the published error, and who is asked to own the background."""

import dataclasses

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given

from isa_eqx import ISA, VARIANTS, ISAConfig, coordinates, published
from isa_eqx.architectures import ARCHITECTURES
from training.data import load
from training.objective.loss import loss
from training.objective.terms import idle_slot, mixing, ownership, shading
from training.step import initial_state

from ..conftest import run
from ..tiny import TINY, WHOLE, ZERO, as_variant


@pytest.fixture(scope="module")
def image():
    return load("tetrominoes", "train", 1).images.floats()[0]


@eqx.filter_jit
def cost(model, image, config, step, key):
    return loss(model, image, config, step, key=key)


def dark(config):
    """A new model that paints all slots nearly black, so that they compete for the background."""
    model = initial_state(config).model
    return eqx.tree_at(lambda m: m.decoder.colour.weight, model, replace_fn=lambda w: 0.1 * w)


def test_the_loss_is_the_sum_over_pixels_and_channels(image):
    model = initial_state(TINY).model
    frame_key, _ = jr.split(jr.key(3))
    out = run(model, image, frame_key)
    expected = jnp.square(out.reconstruction - image).sum()
    np.testing.assert_allclose(cost(model, image, WHOLE, ZERO, jr.key(3)), expected, rtol=1e-5)


def test_with_mixing_the_loss_is_of_each_slot_by_itself(image):
    """Error and variance of a mixture are the mean of its parts' errors."""
    model, config = initial_state(TINY).model, dataclasses.replace(WHOLE, mixing=1.0)
    frame_key, _ = jr.split(jr.key(3))
    out = run(model, image, frame_key)
    errors = jnp.square(out.slot_reconstructions - image[None]).sum(axis=-1)
    expected = (out.masks * errors).sum()
    np.testing.assert_allclose(cost(model, image, config, ZERO, jr.key(3)), expected, rtol=1e-5)
    published = cost(model, image, WHOLE, ZERO, jr.key(3))
    half = cost(model, image, dataclasses.replace(config, mixing=0.5), ZERO, jr.key(3))
    np.testing.assert_allclose(half, (published + expected) / 2, rtol=1e-5)
    assert expected > published + 1


def test_a_pixel_that_one_slot_paints_is_not_mixed():
    """Nor one that all would paint alike; half of each of two is."""
    black, red = jnp.zeros(3), jnp.array([1.0, 0.0, 0.0])
    colours = jnp.stack([jnp.stack([black, red, red]), jnp.stack([red, red, black])])
    masks = jnp.array([[1.0, 0.3, 0.5], [0.0, 0.7, 0.5]])
    np.testing.assert_allclose(mixing(colours, masks), [0, 0, 0.25], atol=1e-6)


def test_a_slot_of_one_colour_is_not_shaded():
    """One that paints the left half black and the right half red is, wherever it paints."""
    black, red = jnp.zeros(3), jnp.array([1.0, 0.0, 0.0])
    colours = jnp.stack([jnp.stack([red] * 4), jnp.stack([black, black, red, red])])
    masks = jnp.array([[0.0, 0.6, 0.0, 0.6], [1.0, 0.4, 1.0, 0.4]])
    cost = shading(colours, masks, jnp.ones(4))
    np.testing.assert_allclose(cost, masks[1] / 4, atol=1e-6)
    nothing = shading(colours, jnp.zeros((2, 4)), jnp.ones(4))
    np.testing.assert_array_equal(nothing, 0)


def test_the_mean_colour_is_that_of_the_image_where_pixels_are_drawn():
    """A pixel that stands for two counts twice."""
    colours, masks = jr.uniform(jr.key(0), (2, 3, 3)), jr.uniform(jr.key(1), (2, 3))
    whole = shading(colours[:, [0, 1, 2, 2]], masks[:, [0, 1, 2, 2]], jnp.ones(4))
    drawn = shading(colours, masks, jnp.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(drawn, whole[:3], rtol=1e-5)


def test_a_recipe_says_how_much_shading_counts(image):
    model, key = initial_state(TINY).model, jr.key(3)
    out = run(model, image, jr.split(key)[0])
    flat = out.slot_reconstructions.reshape(4, -1, 3), out.masks.reshape(4, -1)
    term = shading(*flat, jnp.ones(35 * 35)).sum()
    ours = cost(model, image, dataclasses.replace(WHOLE, shading=0.5), ZERO, key)
    np.testing.assert_allclose(ours - cost(model, image, WHOLE, ZERO, key), term / 2, rtol=1e-3)


def test_a_recipe_says_what_a_round_hands_back(image):
    """Where each of three hands back half, an eighth of the gradient reaches the first slots."""
    model = initial_state(TINY).model

    @eqx.filter_jit
    @eqx.filter_grad
    def slopes(model, config):
        return loss(model, image, config, ZERO, key=jr.key(0))

    whole, part = (
        slopes(model, dataclasses.replace(WHOLE, gradient_scale=scale)).initial_slots
        for scale in (1.0, 0.5)
    )
    assert abs(whole).max() > 1e-3
    np.testing.assert_allclose(part, whole * 0.5**WHOLE.model.num_rounds, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match=r"gradient_scale must be from 0 to 1, got 1\.5"):
        dataclasses.replace(WHOLE, gradient_scale=1.5)


# Three black pixels and one of an object; both slots paint black, one the object.
TARGET = jnp.zeros((4, 3)).at[3].set(1.0)
COLOURS = jnp.zeros((2, 4, 3)).at[1, 3].set(1.0)
LOGITS = jnp.array([[3.0, 3.0, 0.5, -5.0], [0.0, 0.0, 0.0, 0.0]])


def test_the_owner_is_asked_to_take_what_it_paints_right():
    cost = ownership(COLOURS, LOGITS, TARGET, ZERO)
    masks = jax.nn.log_softmax(LOGITS, axis=0)[0, :3]
    np.testing.assert_allclose(cost, jnp.append(-masks, 0), rtol=1e-6, atol=1e-6)
    push = jax.grad(lambda x: ownership(COLOURS, x, TARGET, ZERO).sum())(LOGITS)
    assert (push[0, :3] < 0).all() and (push[1, :3] > 0).all()
    np.testing.assert_allclose(push[:, 3], 0, atol=1e-6)


def test_no_slot_is_asked_to_paint_otherwise():
    slope = jax.grad(lambda x: ownership(x, LOGITS, TARGET, ZERO).sum())(COLOURS + 0.05)
    np.testing.assert_array_equal(slope, 0)


def test_ownership_counts_after_objects_have_had_their_time(image):
    model, first = dark(TINY), 9  # of 20 steps
    ours, more = (dataclasses.replace(WHOLE, ownership=weight) for weight in (1.0, 1000.0))
    published, early, early_too, late = (
        cost(model, image, config, jnp.asarray(step), jr.key(0))
        for config, step in ((WHOLE, first), (ours, first - 1), (more, first - 1), (ours, first))
    )
    assert early == early_too < late - 1
    # Another program, which some processors round otherwise in the last bit.
    np.testing.assert_allclose(early, published, rtol=3e-7)


@given(st.permutations(range(3)), st.floats(0.2, 5))
def test_the_idle_slot_is_the_one_whose_attention_is_spread_the_widest(order, share):
    """Wherever it stands, whatever its share; an object in a corner is far out, not wide."""
    grid = coordinates(5, 5)
    near_corner = jnp.exp(-8 * jnp.square(grid - 1).sum(axis=1))
    two_rows = jnp.where(jnp.abs(grid[:, 0] + 0.75) < 0.3, 1.0, 0.01)
    attention = jnp.stack([near_corner, two_rows, jnp.full(25, 0.1 * share)])[jnp.array(order)]
    assert idle_slot(attention, grid) == order.index(2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_owner_is_found_in_every_variant(variant, image):
    """The term is the one of the slot that the attention names."""
    ours = as_variant(dataclasses.replace(WHOLE, ownership=1.0), variant)
    model, end, key = dark(ours), jnp.asarray(ours.steps), jr.key(0)
    out = run(model, image, jr.split(key)[0])
    owner = idle_slot(out.attention, coordinates(*ours.model.feature_size))
    flat = out.slot_reconstructions.reshape(4, -1, 3), out.mask_logits.reshape(4, -1)
    term = ownership(*flat, image.reshape(-1, 3), owner).sum()
    plain = cost(model, image, as_variant(WHOLE, variant), end, key)
    np.testing.assert_allclose(cost(model, image, ours, end, key) - plain, term, rtol=1e-3)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_feature_map_has_the_size_that_its_configuration_says(name):
    config: ISAConfig = published(name)
    model = eqx.filter_eval_shape(ISA, config, key=jr.key(0))
    image = jax.ShapeDtypeStruct((*config.image_size, 3), jnp.float32)
    features, _ = eqx.filter_eval_shape(lambda m, i: m.encoder(i), model, image)
    assert features.shape[0] == np.prod(config.feature_size)
