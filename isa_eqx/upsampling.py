"""A transposed convolution as a convolution of the small image."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .layers import KERNEL, lecun_normal


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

    def __call__(self, x: Float[Array, "i h w"]) -> Float[Array, "o y x"]:
        outputs, inputs, *_ = self.weight.shape
        _, height, width = x.shape
        taps = _taps(self.stride)
        padded = jnp.pad(self.weight, ((0, 0), (0, 0), (0, 1), (0, 1)))
        kernels = padded[:, :, taps[:, :, None, None], taps].transpose(2, 4, 0, 1, 3, 5)
        kernels = kernels.reshape(-1, inputs, *kernels.shape[-2:])
        y = jax.lax.conv_general_dilated(x[None], kernels, (1, 1), "SAME")
        y = y.reshape(self.stride, self.stride, outputs, height, width).transpose(2, 3, 0, 4, 1)
        return y.reshape(outputs, height * self.stride, width * self.stride) + self.bias


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
