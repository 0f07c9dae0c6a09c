"""Layers that convolve images with channels last, (height, width, channels).

Their weights lie as in `equinox.nn.Conv2d`, (outputs, inputs, height, width); that has channels
first. XLA's CPU backend would turn its images around and back at every layer, and in a loop it
convolves them some hundred times slower (jax-ml/jax#12868).
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .convolve import convolve
from .layers import lecun_normal

KERNEL = 5


class Conv(eqx.Module):
    """A convolution with SAME padding, whose output is `stride` times smaller."""

    weight: Float[Array, "o i k k"]
    bias: Float[Array, "o 1 1"] | None
    stride: int = eqx.field(static=True)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = KERNEL,
        stride: int = 1,
        use_bias: bool = True,
        key: PRNGKeyArray,
    ):
        self.weight = lecun_normal(key, (outputs, inputs, kernel, kernel))
        self.bias = jnp.zeros((outputs, 1, 1)) if use_bias else None
        self.stride = stride

    def __call__(self, x: Float[Array, "h w i"]) -> Float[Array, "y x o"]:
        y = convolve(x, self.weight.transpose(2, 3, 1, 0), self.stride)
        return y if self.bias is None else y + self.bias.reshape(1, 1, -1)


class UpConv(eqx.Module):
    """A 5×5 transposed convolution with SAME padding: an image `stride` times larger.

    The same function of the same weights as `equinox.nn.ConvTranspose2d`. That one spreads the
    image with zeros and convolves all of it, which on a CPU makes the gradient by the weights some
    ten times slower than needed. Here every pixel of a stride×stride cell takes the taps that meet
    no zero, as channels of one small convolution (Shi et al. 2016, arXiv 1609.07009).
    """

    weight: Float[Array, "o i 5 5"]
    bias: Float[Array, "o 1 1"]
    stride: int = eqx.field(static=True)

    def __init__(self, inputs: int, outputs: int, stride: int, *, key: PRNGKeyArray):
        self.weight = lecun_normal(key, (outputs, inputs, KERNEL, KERNEL))
        self.bias = jnp.zeros((outputs, 1, 1))
        self.stride = stride

    def __call__(self, x: Float[Array, "h w i"]) -> Float[Array, "y x o"]:
        outputs, inputs, *_ = self.weight.shape
        height, width, _ = x.shape
        taps = _taps(self.stride)
        padded = jnp.pad(self.weight, ((0, 0), (0, 0), (0, 1), (0, 1)))
        kernels = padded[:, :, taps[:, :, None, None], taps].transpose(3, 5, 1, 2, 4, 0)
        y = convolve(x, kernels.reshape(*kernels.shape[:2], inputs, -1))
        y = y.reshape(height, width, self.stride, self.stride, outputs).swapaxes(1, 2)
        return y.reshape(height * self.stride, -1, outputs) + self.bias.reshape(1, 1, -1)


def _taps(stride: int) -> np.ndarray:
    """Return which tap of the kernel each neighbour meets, from each pixel of a cell.

    Pixel p of a cell reads the neighbour at distance (p + tap - pad) / stride where that is whole.
    Others have the tap 5, which is zero.
    """
    pad = KERNEL - 1 - max(KERNEL - stride, 0) // 2
    pixel, tap = np.meshgrid(np.arange(stride), np.arange(KERNEL), indexing="ij")
    distance, rest = np.divmod(pixel + tap - pad, stride)
    reach = np.abs(distance[rest == 0]).max()
    taps = np.full((stride, 2 * reach + 1), KERNEL)
    taps[pixel[rest == 0], reach + distance[rest == 0]] = tap[rest == 0]
    return taps
