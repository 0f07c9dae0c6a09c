"""Attention: its factored form equals the direct one, in values and gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx.grid_encoder import GridEncoder

from .conftest import KEY, randomised

K, N, D, M = 3, 20, 8, 12


def direct(encoder, vectors, relative, queries, weights):
    """Both products of E(x + P rel), made for every slot and pixel as published: (k, n, d)."""
    e = jax.vmap(encoder, in_axes=(None, 0))(vectors, relative)
    return jnp.einsum("kd,knd->kn", queries, e), jnp.einsum("kn,knd->kd", weights, e)


def factored(encoder, vectors, relative, queries, weights):
    pixels = encoder.relative(vectors)
    return pixels.dot(queries, relative), pixels.sum(weights, relative)


@pytest.fixture(scope="module")
def parts():
    encoder = randomised(eqx.filter_eval_shape(GridEncoder, D, M, key=KEY))
    shapes = (N, D), (K, N, 2), (K, D), (K, N)
    return encoder, *(jr.normal(k, s) for k, s in zip(jr.split(KEY, 4), shapes, strict=True))


def test_factored_products_equal_direct_ones(parts):
    for fast, slow in zip(*(eqx.filter_jit(f)(*parts) for f in (factored, direct)), strict=True):
        np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5)


def test_factored_gradients_equal_direct_ones(parts):
    def gradients(products):
        return eqx.filter_jit(
            eqx.filter_grad(lambda parts: sum(jnp.sin(x).sum() for x in products(*parts)))
        )(parts)

    for fast, slow in zip(
        *(jax.tree.leaves(gradients(f)) for f in (factored, direct)), strict=True
    ):
        np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-4)
