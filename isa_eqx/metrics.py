"""Scores of segmentations and reconstructions, as pure functions of a batch."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int32, UInt32

from .label_maps import metric
from .layers import at_least_float32

MAX_PIXELS = 92_681  # beyond it the number of pairs of pixels leaves 32 bits


@metric
def adjusted_rand_index(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...] = (),
) -> Float[Array, " b"]:
    """Return the adjusted Rand index of two segmentations, one value an image.

    It is 1 if they are equal up to the names of labels, and 0 on average for random ones (Hubert &
    Arabie 1985). Two segmentations of one cluster each, or without any pixel, score 1, as in
    scikit-learn.

    - `true`, `pred`: label maps of one shape, in any integers or booleans, of NumPy or JAX.
    - `num_true`, `num_pred`: valid labels are 0 … num - 1; pixels with others do not count, such as
      -1 or 255 where nobody knows what is there (void).
    - `ignore`: true labels whose pixels do not count; `(0,)` gives FG-ARI if 0 is the background.

    Pairs of pixels are counted in integers, so that the result is exact to float32's last digits.
    Raises a `ValueError` above 92,681 pixels an image, where they would overflow, and for maps or
    numbers that are none.
    """
    pixels = math.prod(true.shape[1:])
    if pixels > MAX_PIXELS:
        raise ValueError(f"At most {MAX_PIXELS} pixels an image, got {pixels}.")
    table = _contingency_table(true, pred, num_true, num_pred)
    table = jnp.where(_is_counted(num_true, ignore)[..., None], table, 0)

    together = _sum(_pairs(table), (1, 2))
    in_true, in_pred = (_sum(_pairs(_sum(table, axis)), 1) for axis in (2, 1))
    split, merged = in_true - together, in_pred - together
    apart = _pairs(_sum(table, (1, 2))) - together - split - merged

    a, b, c, d = (x.astype(jnp.float32) for x in (together, split, merged, apart))
    chance = (a + b) * (b + d) + (a + c) * (c + d)
    agree = (split == 0) & (merged == 0)
    return jnp.where(agree, 1.0, 2 * (a * d - b * c) / jnp.where(agree, 1.0, chance))


def _contingency_table(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
) -> UInt32[Array, "b i j"]:
    """Return how many pixels have a true label and a predicted one, for each two of them."""
    shape = len(true), math.prod(true.shape[1:])
    true, pred = true.reshape(shape), pred.reshape(shape)
    valid = (true >= 0) & (true < num_true) & (pred >= 0) & (pred < num_pred)
    cells = num_true * num_pred
    cell = jnp.where(valid, true * num_pred + pred, cells)
    zeros = jnp.zeros(cells, jnp.uint32)
    table = jax.vmap(lambda chosen: zeros.at[chosen].add(jnp.uint32(1), mode="drop"))(cell)
    return table.reshape(-1, num_true, num_pred)


def _is_counted(num_true: int, ignore: tuple[int, ...]) -> Bool[Array, "1 i"]:
    return jnp.asarray(~np.isin(np.arange(num_true), ignore))[None]


def _sum(counts: UInt32[Array, "..."], axis: int | tuple[int, ...]) -> UInt32[Array, "..."]:
    return counts.sum(axis=axis, dtype=jnp.uint32)  # also where JAX has 64 bits


def _pairs(count: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """Return count · (count - 1) / 2 without overflow of 32 bits on the way."""
    half, odd = count // 2, count % 2
    return jnp.where(odd == 1, half * count, half * (count - jnp.minimum(count, 1)))


@metric
def mean_iou(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...] = (),
) -> Float[Array, " b"]:
    """Return the mean intersection over union (mIoU) of objects and their segments.

    One value an image: the mean over objects of what `match_objects` returns. NaN for an image
    without objects.

    - `num_true`, `num_pred`, `ignore`: as of `match_objects`.
    """
    _, overlap = match_objects(true, pred, num_true, num_pred, ignore)
    return _mean_over_objects(overlap)


@metric
def match_objects(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...] = (),
) -> tuple[Int32[Array, "b i"], Float[Array, "b i"]]:
    """Return the segment of each true label, and their intersection over union.

    Objects and segments are matched one to one such that the sum of the latter is largest, by the
    Hungarian algorithm. An object without a segment has -1 and 0, what is no object -1 and NaN.

    - `num_true`, `num_pred`, `ignore`: as of `adjusted_rand_index`; an object is a true label that
      the image has and that is not ignored. Pixels of ignored labels count in the union: a segment
      that reaches into the background overlaps less.
    """
    overlap, is_there = _overlap(true, pred, num_true, num_pred, ignore)

    def matched(overlap: Float[Array, "i j"]) -> tuple[Int32[Array, " i"], Float[Array, " i"]]:
        # In JAX's default precision, which is that of the numbers it starts from itself.
        rows, columns = optax.assignment.hungarian_algorithm(-overlap.astype(float))
        segment = jnp.full(num_true, -1, jnp.int32).at[rows].set(columns.astype(jnp.int32))
        found = jnp.zeros(num_true, jnp.float32).at[rows].set(overlap[rows, columns])
        return segment, found

    segment, found = jax.vmap(matched)(overlap)
    return jnp.where(found > 0, segment, -1), jnp.where(is_there, found, jnp.nan)


@metric
def mean_best_overlap(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...] = (),
) -> Float[Array, " b"]:
    """Return the mean best overlap (mBO) of objects: of each, with the segment that has the most.

    As `mean_iou`, but one segment may be the best of several objects (Pont-Tuset et al. 2017).
    """
    overlap, is_there = _overlap(true, pred, num_true, num_pred, ignore)
    return _mean_over_objects(jnp.where(is_there, overlap.max(axis=2), jnp.nan))


def _mean_over_objects(values: Float[Array, "b i"]) -> Float[Array, " b"]:
    """Return the mean of those that are not NaN, NaN if there are none."""
    is_object = ~jnp.isnan(values)
    total, count = jnp.where(is_object, values, 0).sum(axis=1), is_object.sum(axis=1)
    mean = total / jnp.maximum(count, 1).astype(jnp.float32)
    return jnp.where(count > 0, mean, jnp.nan)


def _overlap(
    true: Int32[Array, "b *pixels"],
    pred: Int32[Array, "b *pixels"],
    num_true: int,
    num_pred: int,
    ignore: tuple[int, ...],
) -> tuple[Float[Array, "b i j"], Bool[Array, "b i"]]:
    """Return intersection over union of each object and segment, and whether the object is there.

    It is 0 of an object that is not.
    """
    table = _contingency_table(true, pred, num_true, num_pred).astype(jnp.float32)
    in_true = table.sum(axis=2)
    union = in_true[:, :, None] + table.sum(axis=1)[:, None] - table
    is_there = _is_counted(num_true, ignore) & (in_true > 0)
    return jnp.where(is_there[:, :, None], table / jnp.maximum(union, 1), 0), is_there


@eqx.filter_jit
def mean_squared_error(
    true: Float[Array, "b *shape"], pred: Float[Array, "b *shape"]
) -> Float[Array, " b"]:
    """Return the squared difference, averaged over pixels and channels, one value an image.

    In float32, or more if the images have more.
    """
    true, pred = at_least_float32((true, pred))
    return jnp.square(true - pred).mean(axis=tuple(range(1, true.ndim)))
