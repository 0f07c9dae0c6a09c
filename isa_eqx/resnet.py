"""The residual network (He et al. 2015) of the published models for textured images."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from .convolutions import Conv
from .layers import GroupNorm


class Block(eqx.Module):
    """relu(shortcut(x) + norm(conv(relu(norm(conv(x)))))), with 3×3 convolutions.

    The shortcut is the identity, or a normalised 1×1 convolution where the shape changes. The last
    norm starts at scale zero, so that a new block starts as its shortcut.
    """

    conv1: Conv
    norm1: GroupNorm
    conv2: Conv
    norm2: GroupNorm
    shortcut_conv: Conv | None
    shortcut_norm: GroupNorm | None

    def __init__(self, inputs: int, outputs: int, stride: int, *, key: PRNGKeyArray):
        key1, key2, shortcut_key = jr.split(key, 3)
        self.conv1 = Conv(inputs, outputs, kernel=3, stride=stride, use_bias=False, key=key1)
        self.norm1 = GroupNorm(outputs)
        self.conv2 = Conv(outputs, outputs, kernel=3, use_bias=False, key=key2)
        self.norm2 = eqx.tree_at(lambda n: n.weight, GroupNorm(outputs), jnp.zeros(outputs))
        self.shortcut_conv, self.shortcut_norm = None, None
        if stride != 1 or inputs != outputs:
            self.shortcut_conv = Conv(
                inputs, outputs, kernel=1, stride=stride, use_bias=False, key=shortcut_key
            )
            self.shortcut_norm = GroupNorm(outputs)

    def __call__(self, x: Float[Array, "h w i"]) -> Float[Array, "y x o"]:
        y = jax.nn.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        if self.shortcut_conv is not None and self.shortcut_norm is not None:
            x = self.shortcut_norm(self.shortcut_conv(x))
        return jax.nn.relu(x + y)


class ResNet(eqx.Module):
    """A 3×3 stem of stride 1, without relu or pooling, then stages of blocks.

    Blocks (3, 4, 6, 3) of (64, 128, 256, 512) channels and strides (1, 2, 2, 2) are ResNet-34. The
    first block of a stage has the stage's stride.
    """

    stem: Conv
    norm: GroupNorm
    stages: tuple[tuple[Block, ...], ...]

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        blocks: tuple[int, ...],
        *,
        key: PRNGKeyArray,
    ):
        stem_key, *stage_keys = jr.split(key, 1 + len(blocks))
        self.stem = Conv(3, channels[0], kernel=3, use_bias=False, key=stem_key)
        self.norm = GroupNorm(channels[0])
        inputs = (channels[0], *channels[:-1])
        stages = zip(inputs, channels, strides, blocks, stage_keys, strict=True)
        self.stages = tuple(_stage(*stage, key=k) for *stage, k in stages)

    def __call__(self, image: Float[Array, "h w 3"]) -> Float[Array, "y x c"]:
        x = self.norm(self.stem(image))
        for stage in self.stages:
            for block in stage:
                x = block(x)
        return x


def _stage(
    inputs: int, outputs: int, stride: int, blocks: int, *, key: PRNGKeyArray
) -> tuple[Block, ...]:
    first, *others = jr.split(key, blocks)
    head = Block(inputs, outputs, stride, key=first)
    return (head, *(Block(outputs, outputs, 1, key=k) for k in others))
