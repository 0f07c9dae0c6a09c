"""Layers that are ours compute what their standard counterparts do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from isa_eqx.convolutions import Conv, UpConv
from isa_eqx.layers import GroupNorm
from isa_eqx.resnet import Block

KEY = jr.key(1)


STANDARD = {
    "conv": (Conv, lambda stride: eqx.nn.Conv2d(3, 4, 5, stride, "SAME", key=KEY)),
    "up-conv": (
        UpConv,
        lambda stride: eqx.nn.ConvTranspose2d(3, 4, 5, stride, padding="SAME", key=KEY),
    ),
}


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("kind", STANDARD)
def test_a_convolution_is_the_standard_one_of_an_image_with_channels_last(kind, stride):
    ours, standard = STANDARD[kind][0](3, 4, stride=stride, key=KEY), STANDARD[kind][1](stride)
    assert_same_with_gradients(ours, standard, jr.normal(jr.key(2), (6, 5, 3)))


def test_a_group_norm_is_the_standard_one_of_an_image_with_channels_last():
    standard = eqx.nn.GroupNorm(32, 64, eps=1e-6)
    x = 3 + 2 * jr.normal(jr.key(2), (6, 5, 64))
    assert_same_with_gradients(GroupNorm(64), standard, x)


def assert_same_with_gradients(ours, standard, x):
    """With the weights of the standard layer, but no bias of zero."""

    def with_gradients(weights, layer, axis):
        weight, bias, x = weights
        layer = eqx.tree_at(lambda one: (one.weight, one.bias), layer, (weight, bias))
        y = jnp.moveaxis(layer(jnp.moveaxis(x, -1, axis)), axis, -1)
        return jnp.sin(y).sum(), y

    weights = (standard.weight, standard.bias + 0.1, x)
    gradients = eqx.filter_jit(jax.grad(with_gradients, has_aux=True))
    for a, b in zip(
        jax.tree.leaves(gradients(weights, ours, -1)),
        jax.tree.leaves(gradients(weights, standard, 0)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("outputs", "stride"), [(32, 1), (64, 2)])
def test_a_new_residual_block_is_its_shortcut(outputs, stride):
    block, x = Block(32, outputs, stride, key=jr.key(0)), jr.normal(jr.key(1), (6, 4, 32))
    shortcut = x
    if block.shortcut_conv is not None:
        shortcut = block.shortcut_norm(block.shortcut_conv(x))
    np.testing.assert_array_equal(block(x), jax.nn.relu(shortcut))
    assert (block.shortcut_conv is None) == ((outputs, stride) == (32, 1))
