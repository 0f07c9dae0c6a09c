"""Layers that are ours compute what their standard counterparts do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx.resnet import Block
from isa_eqx.upsampling import UpConv


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
def test_an_up_conv_is_the_transposed_convolution_and_has_its_gradients(stride):
    standard = eqx.nn.ConvTranspose2d(3, 4, 5, stride, padding="SAME", key=jr.key(0))
    ours = UpConv(3, 4, stride, key=jr.key(1))
    x = jr.normal(jr.key(2), (3, 6, 5))

    def with_gradients(weights, layer):
        weight, bias, x = weights
        layer = eqx.tree_at(lambda one: (one.weight, one.bias), layer, (weight, bias))
        return jnp.sin(layer(x)).sum(), layer(x)

    weights = (standard.weight, standard.bias + 0.1, x)
    gradients = eqx.filter_jit(jax.grad(with_gradients, has_aux=True))
    for a, b in zip(
        jax.tree.leaves(gradients(weights, ours)),
        jax.tree.leaves(gradients(weights, standard)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("outputs", "stride"), [(32, 1), (64, 2)])
def test_a_new_residual_block_is_its_shortcut(outputs, stride):
    block, x = Block(32, outputs, stride, key=jr.key(0)), jr.normal(jr.key(1), (32, 6, 4))
    shortcut = x
    if block.shortcut_conv is not None:
        shortcut = block.shortcut_norm(block.shortcut_conv(x))
    np.testing.assert_array_equal(block(x), jax.nn.relu(shortcut))
    assert (block.shortcut_conv is None) == ((outputs, stride) == (32, 1))
