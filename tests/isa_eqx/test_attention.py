"""Attention: its fast form equals the direct one, in values and in slopes of any order."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx import coordinates
from isa_eqx.grid_encoder import GridEncoder
from isa_eqx.symmetries import SYMMETRIES

from ..conftest import KEY, of_rounds, randomised, slot_attention, slow
from ..direct import DirectGridEncoder, direct
from ..laws import assert_close, largest
from .test_numbers import double

K, N, D, M = 3, 20, 8, 12
EXACT = 1e-11


def forms(attention):
    """Both, in float64, compiled: slots, frames and attention, with the slopes of everything."""

    def total(attention, features, slots, frames):
        out = attention(features, coordinates(4, 5, jnp.float64), slots, frames)
        return sum(jnp.sin(3 * x).sum() for x in jax.tree.leaves(out)), out

    keys = jr.split(KEY, 3)
    features, slots = jr.normal(keys[0], (N, D)), jr.normal(keys[1], (K, D))
    frames = attention.symmetry.initial(K, jnp.float32, key=keys[2])
    both = []
    with jax.enable_x64(True):
        inputs = double((attention, features, slots, frames))
        for form in (lambda x: x, direct):
            slopes = jax.jit(jax.value_and_grad(total, (0, 1, 2, 3), has_aux=True))
            both.append(slopes(form(inputs[0]), *inputs[1:]))
    return both


@pytest.mark.parametrize(
    ("variant", "relative_values"),
    [("isa-t", True), slow("isa-ts", True), ("isa-ts", False), ("isa-tsr", True)],
)
def test_the_fast_form_is_the_direct_one(variant, relative_values):
    attention = slot_attention(SYMMETRIES[variant]())
    object.__setattr__(attention, "relative_values", relative_values)
    fast, reference = forms(attention)
    for ours, wanted in zip(jax.tree.leaves(fast), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=EXACT * max(1, np.abs(wanted).max()))


def test_its_slopes_have_the_direct_ones_slopes():
    """Both products again, since their first slopes are written by hand."""

    @eqx.filter_jit
    @eqx.filter_grad
    def steepness(inputs, form):
        slopes = eqx.filter_grad(lambda x: jnp.sin(products(*x, form)).sum())(inputs)
        return sum(jnp.square(slope).sum() for slope in jax.tree.leaves(slopes))

    def products(encoder, vectors, relative, queries, weights, form):
        pixels = form(encoder).relative(vectors)
        both = pixels.dot(queries, relative), pixels.sum(weights, relative)
        return jnp.concatenate([jnp.ravel(x) for x in both])

    encoder = randomised(eqx.filter_eval_shape(GridEncoder, D, M, key=KEY))
    shapes = (N, D), (K, N, 2), (K, D), (K, N)
    arrays = [jr.normal(k, s) for k, s in zip(jr.split(KEY, 4), shapes, strict=True)]
    with jax.enable_x64(True):
        inputs = double((encoder, *arrays))
        fast, reference = (steepness(inputs, form) for form in (lambda x: x, DirectGridEncoder))
    for ours, wanted in zip(jax.tree.leaves(fast), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=0, atol=EXACT * np.abs(wanted).max())


@pytest.mark.parametrize("variant", ["sa", slow("isa-t"), slow("isa-ts"), "isa-tsr"])
def test_every_round_hands_back_a_share_of_its_gradient(variant):
    """`gradient_scale` ^ rounds of it reach the first slots and frames; without any, the gradient
    is that of the last round alone. The outputs are the same.
    """
    attention = slot_attention(SYMMETRIES[variant]())
    rounds, keys, grid = attention.num_rounds, jr.split(KEY, 3), coordinates(4, 5)
    features, first = jr.normal(keys[0], (N, D)), jr.normal(keys[1], (K, D))
    frames = attention.symmetry.initial(K, jnp.float32, key=keys[2])

    @eqx.filter_jit
    def slopes(attention, features, slots, frames, scale):
        def total(inputs):
            attention, features, slots, frames = inputs
            out = attention(features, grid, slots, frames, gradient_scale=scale)
            return sum(jnp.sin(3 * x).sum() for x in jax.tree.leaves(out)), out

        return eqx.filter_value_and_grad(total, has_aux=True)((attention, features, slots, frames))

    whole, part, none = (slopes(attention, features, first, frames, s) for s in (1.0, 0.8, 0.0))
    assert_close(part[0], whole[0], 1e-5)
    assert_close(part[1][2:], jax.tree.map(lambda x: 0.8**rounds * x, whole[1][2:]), 1e-4)
    assert largest(whole[1][2]) > 1e-3
    # A round's frames are of the slots that it starts from; those returned are of the last slots.
    slots, _, _ = eqx.filter_jit(of_rounds(attention, rounds - 1))(features, grid, first, frames)
    _, before, _ = eqx.filter_jit(of_rounds(attention, rounds - 2))(features, grid, first, frames)
    last = slopes(of_rounds(attention, 1), features, slots, before, 1.0)
    assert_close(none[1][:2], last[1][:2], 1e-4)
    assert_close(none[1][2:], jax.tree.map(jnp.zeros_like, none[1][2:]), 0)
