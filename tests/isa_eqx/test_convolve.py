"""Gradients of a convolution by matrix products are those of XLA's, whatever transforms them."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx.convolve import convolve, correlate

TALL, WIDE = 37, 11  # more rows than are multiplied at once, and no multiple of these
SHAPES = {
    "few-to-many": (5, 5, 2, 6),
    "many-to-few": (3, 3, 6, 2),
    "one-pixel": (1, 1, 4, 4),
    "oblong": (1, 5, 3, 4),
}


@pytest.fixture(params=SHAPES)
def numbers(request):
    """Two images, kernels of two models, and slopes."""
    *size, inputs, outputs = SHAPES[request.param]
    x = jr.normal(jr.key(0), (2, TALL, WIDE, inputs))
    kernels = jr.normal(jr.key(1), (2, *size, inputs, outputs))
    return x, kernels, jr.normal(jr.key(2), (2, TALL, WIDE, outputs))


def test_kernels_meet_their_gradient_as_slopes_meet_the_image(numbers):
    """⟨slopes, x * k⟩ = ⟨k, gradient⟩, as a convolution is linear in its kernels."""
    x, kernels, slopes = (some[0] for some in numbers)
    gradient = correlate(x, slopes, kernels.shape[:2])
    np.testing.assert_allclose(
        jnp.vdot(slopes, convolve(x, kernels)), jnp.vdot(kernels, gradient), rtol=1e-4, atol=1e-3
    )


def looped(function):
    return lambda *rows: jax.lax.map(lambda row: function(*row), rows)


@pytest.mark.parametrize(
    ("images", "models", "transformed"),
    [
        (2, 0, lambda f: jax.vmap(f, (0, None, 0))),
        (0, 2, lambda f: jax.vmap(f, (None, 0, 0))),
        (2, 2, jax.vmap),
        (2, 2, looped),
        (2, 0, lambda f: jax.vmap(jax.checkpoint(f), (0, None, 0))),
    ],
    ids=["each-image", "each-model", "both", "in-a-loop", "recomputed"],
)
def test_gradients_of_each_are_those_of_xla(numbers, images, models, transformed):
    x, kernels, slopes = numbers
    arguments = x if images else x[0], kernels if models else kernels[0], slopes
    both = (jax.jit(transformed(gradients(f)))(*arguments) for f in (convolve, by_xla))
    for ours, wanted in zip(*both, strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-4)


def test_the_gradient_of_a_batch_is_that_of_xla(numbers):
    x, (kernels, _), slopes = numbers

    def loss(f):
        return lambda kernels: (jax.vmap(lambda x: f(x, kernels))(x) * slopes).sum()

    ours, wanted = (jax.grad(loss(f))(kernels) for f in (convolve, by_xla))
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-4)


def test_gradients_have_gradients(numbers):
    x, kernels, slopes = (some[0] for some in numbers)

    def steepness(f):
        return lambda k: sum(jnp.square(g).sum() for g in gradients(f)(x, k, slopes))

    ours, wanted = (jax.grad(steepness(f))(kernels) for f in (convolve, by_xla))
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-2)


def test_a_gradient_of_16_bits_is_summed_in_32(numbers):
    """And rounded once, at its end."""
    halves = tuple(some[0].astype(jnp.bfloat16) for some in numbers)
    _, ours = gradients(convolve)(*halves)
    _, wanted = gradients(by_xla)(*(some.astype(jnp.float32) for some in halves))
    assert ours.dtype == jnp.bfloat16
    np.testing.assert_allclose(ours.astype(jnp.float32), wanted, rtol=2**-8, atol=1e-4)


def by_xla(x, kernels):
    layout = ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x[None], kernels, (1, 1), "SAME", dimension_numbers=layout)
    return y[0]


def gradients(f):
    """By image and kernels."""
    return lambda x, kernels, slopes: jax.vjp(f, x, kernels)[1](slopes)
