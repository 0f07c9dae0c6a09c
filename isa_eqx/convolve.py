"""A convolution with channels last, whose gradient by the kernels is fast on a CPU.

XLA's CPU backend takes that gradient for a convolution whose kernels are as large as the image, at
a half to a fifth of the speed of a matrix product, and in a loop some hundred times slower still
(jax-ml/jax#12868). Here it is a product, of patches of the image and slopes. Measured for one core,
GFLOP/s, 5×5 kernels of 64 to 64 channels: 57 for 22 at 128 × 128, 44 for 32 at 32 × 32.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .layers import at_least_float32

_PIXELS = 256  # whose patches of 5×5 pixels and 64 channels, 1.6 MB, a core's cache holds


def convolve(
    x: Float[Array, "h w i"], kernels: Float[Array, "a b i o"], stride: int = 1
) -> Float[Array, "y x o"]:
    """Convolve with SAME padding. On a CPU a large image has no forward-mode derivative."""
    height, width, _ = x.shape
    is_large = height * width >= _PIXELS  # small ones would gain nothing
    is_centred = stride == 1 and all(size % 2 for size in kernels.shape[:2])
    if is_large and is_centred and jax.default_backend() == "cpu":
        return _with_patches(x, kernels)
    return _by_xla(x, kernels, stride)


def _by_xla(
    x: Float[Array, "h w i"], kernels: Float[Array, "a b i o"], stride: int = 1
) -> Float[Array, "y x o"]:
    strides, layout = (stride, stride), ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x[None], kernels, strides, "SAME", dimension_numbers=layout)
    return y[0]


@jax.custom_vjp
def _with_patches(
    x: Float[Array, "h w i"], kernels: Float[Array, "a b i o"]
) -> Float[Array, "h w o"]:
    return _by_xla(x, kernels)


def _forward(
    x: Float[Array, "h w i"], kernels: Float[Array, "a b i o"]
) -> tuple[Float[Array, "h w o"], tuple[Array, Array]]:
    return _by_xla(x, kernels), (x, kernels)


def _backward(saved: tuple[Array, Array], slopes: Float[Array, "h w o"]) -> tuple[Array, Array]:
    x, kernels = saved
    tall, wide, *_ = kernels.shape
    by_image = _by_xla(slopes, kernels[::-1, ::-1].swapaxes(2, 3))
    # Image after image: the patches of several would not fit the cache.
    by_kernels = jax.custom_batching.sequential_vmap(
        lambda x, slopes: correlate(x, slopes, (tall, wide))
    )
    return by_image, by_kernels(x, slopes).astype(kernels.dtype)


_with_patches.defvjp(_forward, _backward)


def correlate(
    x: Float[Array, "h w i"], slopes: Float[Array, "h w o"], size: tuple[int, int]
) -> Float[Array, "a b i o"]:
    """Return Σ over pixels (y, x) of x[y + a, x + b, i] slopes[y, x, o], in float32 at least.

    Distances a and b are counted from the centre of the odd `size`; `x` is zero outside.
    """
    if slopes.shape[-1] < x.shape[-1]:  # whichever has fewer channels is cut into patches
        return correlate(slopes, x, size)[::-1, ::-1].swapaxes(2, 3)
    height, width, inputs = x.shape
    (tall, wide), outputs = size, slopes.shape[-1]
    rows = min(height, max(1, _PIXELS // width))
    parts = -(-height // rows)
    missing = parts * rows - height  # rows of the last part
    top, left = tall // 2, wide // 2
    x = jnp.pad(x, ((top, top + missing), (left, left), (0, 0)))
    slopes = jnp.pad(slopes, ((0, missing), (0, 0), (0, 0))).reshape(parts, rows * width, outputs)
    dtype = at_least_float32(x).dtype

    def add(total: Array, part: tuple[Array, Array]) -> tuple[Array, None]:
        first, slopes = part
        some = jax.lax.dynamic_slice_in_dim(x, first, rows + tall - 1)
        taps = [some[a : a + rows, b : b + width] for a in range(tall) for b in range(wide)]
        patches = jnp.concatenate(taps, axis=-1).reshape(rows * width, -1)
        return total + jnp.matmul(slopes.T, patches, preferred_element_type=dtype), None

    nothing = jnp.zeros((outputs, tall * wide * inputs), dtype)
    total, _ = jax.lax.scan(add, nothing, (rows * jnp.arange(parts), slopes))
    return total.T.reshape(tall, wide, inputs, outputs)
