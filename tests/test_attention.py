"""Attention: the factored form equals the direct one, and positions are where slots look."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx.attention import SlotAttention
from isa_eqx.config import ISAConfig
from isa_eqx.grid import coordinates
from isa_eqx.grid_encoder import GridEncoder
from isa_eqx.symmetries import symmetry

K, N, D, M = 3, 20, 8, 12


def jolted(tree, key):
    """The module with every array away from its start, so that zeros and ones hide nothing."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jr.split(key, len(leaves))
    return jax.tree.unflatten(
        structure, [x + 0.3 * jr.normal(k, x.shape) for x, k in zip(leaves, keys, strict=True)]
    )


def direct(encoder, vectors, relative):
    """E(x + P rel) for every slot and pixel, as published: (k, n, d)."""
    return jax.vmap(encoder, in_axes=(None, 0))(vectors, relative)


@pytest.fixture(scope="module")
def parts():
    keys = jr.split(jr.key(0), 6)
    encoder = jolted(GridEncoder(D, M, key=keys[0]), keys[1])
    shapes = (N, D), (K, N, 2), (K, D), (K, N)
    return encoder, *(jr.normal(k, shape) for k, shape in zip(keys[2:], shapes, strict=True))


def test_factored_products_equal_direct_ones(parts):
    encoder, vectors, relative, queries, weights = parts
    pixels, e = encoder.relative(vectors), direct(encoder, vectors, relative)
    np.testing.assert_allclose(
        pixels.dot(queries, relative), jnp.einsum("kd,knd->kn", queries, e), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        pixels.sum(weights, relative), jnp.einsum("kn,knd->kd", weights, e), rtol=1e-4, atol=1e-5
    )


def test_factored_gradients_equal_direct_ones(parts):
    def factored(args):
        encoder, vectors, relative, queries, weights = args
        pixels = encoder.relative(vectors)
        return (
            jnp.sin(pixels.dot(queries, relative)).sum()
            + jnp.sin(pixels.sum(weights, relative)).sum()
        )

    def directly(args):
        encoder, vectors, relative, queries, weights = args
        e = direct(encoder, vectors, relative)
        return (
            jnp.sin(jnp.einsum("kd,knd->kn", queries, e)).sum()
            + jnp.sin(jnp.einsum("kn,knd->kd", weights, e)).sum()
        )

    fast, slow = (eqx.filter_grad(f)(parts) for f in (factored, directly))
    for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def attended(variant, move=0.0, seed=5):
    config = ISAConfig(
        variant=variant, slot_size=D, hidden_size=M, encoder_channels=(D,), encoder_strides=(1,)
    )
    kind = symmetry(config)
    attention = jolted(SlotAttention(config, kind, key=jr.key(1)), jr.key(2))
    frames = kind.initial(K, jnp.float32, key=jr.key(seed))
    frames = eqx.tree_at(lambda f: f.position, frames, frames.position + move)
    features, slots = jr.normal(jr.key(3), (N, D)), jr.normal(jr.key(4), (K, D))
    return attention(features, coordinates(4, 5) + move, slots, frames)


def test_moving_grid_and_frames_together_moves_nothing_but_the_frames():
    slots, frames, weights = attended("isa-t")
    moved_slots, moved_frames, moved_weights = attended("isa-t", move=0.7)
    np.testing.assert_allclose(moved_slots, slots, atol=1e-4)
    np.testing.assert_allclose(moved_weights, weights, atol=1e-5)
    np.testing.assert_allclose(moved_frames.position, frames.position + 0.7, atol=1e-5)


def test_initial_positions_matter_only_where_there_are_frames():
    for variant, differs in (("sa", False), ("isa-t", True)):
        a, b = (attended(variant, seed=seed)[0] for seed in (0, 1))
        assert (jnp.abs(a - b).max() > 1e-3) == differs


def test_final_frames_belong_to_the_attention_that_is_returned():
    _, frames, attention = attended("isa-t")
    weights = attention / attention.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(frames.position, weights @ coordinates(4, 5), atol=1e-5)
