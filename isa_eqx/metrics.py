"""Scores of segmentations and reconstructions, as pure functions of a batch."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

MAX_PIXELS = 92_681  # beyond it the number of pairs of pixels leaves 32 bits


@functools.partial(jax.jit, static_argnames=("num_true", "num_pred", "ignore"))
def adjusted_rand_index(
    true: Integer[Array, "b *pixels"],
    pred: Integer[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...] = (),
) -> Float[Array, " b"]:
    """Return the adjusted Rand index of two segmentations, one value an image.

    It is 1 if they are equal up to the names of labels, and 0 on average for random ones (Hubert &
    Arabie 1985). Two segmentations of one cluster each, or without any pixel, score 1, as in
    scikit-learn.

    - `num_true`, `num_pred`: valid labels are 0 … num - 1; pixels with others do not count.
    - `ignore`: true labels whose pixels do not count; `(0,)` gives FG-ARI if 0 is the background.

    Pairs of pixels are counted in integers, so that the result is exact to float32's last digits.
    Raises a `ValueError` above 92,681 pixels an image, where they would overflow.
    """
    batch, pixels = true.shape[0], true[0].size
    if pixels > MAX_PIXELS:
        raise ValueError(f"At most {MAX_PIXELS} pixels an image, got {pixels}.")
    true, pred = true.reshape(batch, pixels), pred.reshape(batch, pixels)
    counted = ~jnp.isin(true, jnp.asarray(ignore, true.dtype))
    rows = jax.nn.one_hot(jnp.where(counted, true, -1), num_true, dtype=jnp.float32)
    columns = jax.nn.one_hot(pred, num_pred, dtype=jnp.float32)
    table = jnp.einsum("bni,bnj->bij", rows, columns).astype(jnp.uint32)

    together = _pairs(table).sum(axis=(1, 2))
    in_true, in_pred = _pairs(table.sum(axis=2)).sum(axis=1), _pairs(table.sum(axis=1)).sum(axis=1)
    split, merged = in_true - together, in_pred - together
    apart = _pairs(table.sum(axis=(1, 2))) - together - split - merged

    a, b, c, d = (x.astype(jnp.float32) for x in (together, split, merged, apart))
    chance = (a + b) * (b + d) + (a + c) * (c + d)
    agree = (split == 0) & (merged == 0)
    return jnp.where(agree, 1.0, 2 * (a * d - b * c) / jnp.where(agree, 1.0, chance))


def _pairs(count: Integer[Array, "*shape"]) -> Integer[Array, "*shape"]:
    """Return count · (count - 1) / 2 without overflow of 32 bits on the way."""
    half, odd = count // 2, count % 2
    return jnp.where(odd == 1, half * count, half * (count - jnp.minimum(count, 1)))


@jax.jit
def mean_squared_error(
    true: Float[Array, "b *shape"], pred: Float[Array, "b *shape"]
) -> Float[Array, " b"]:
    """Return the squared difference, averaged over pixels and channels, one value an image."""
    return jnp.square(true - pred).mean(axis=tuple(range(1, true.ndim)))
