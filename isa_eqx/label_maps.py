"""What metrics of label maps have in common: they take any whole numbers, and say what is wrong.

Labels of 64 bits are looked at before JAX has made 32 of them, by which 2³² would become 0.
"""

import functools
import operator
from collections.abc import Callable, Iterable
from typing import Any, Protocol, SupportsIndex, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32, Integer, Shaped

MAX_CELLS = 2**31 - 1  # of a table of true and predicted labels, numbered in 32 bits
LabelMaps = Integer[Array | np.ndarray, "b *pixels"] | Bool[Array | np.ndarray, "b *pixels"]
Score = TypeVar("Score", covariant=True)


@runtime_checkable
class Metric(Protocol[Score]):
    """A function of the label maps of a batch, true and predicted."""

    def __call__(
        self,
        true: LabelMaps,
        pred: LabelMaps,
        num_true: SupportsIndex,
        num_pred: SupportsIndex,
        ignore: Iterable[SupportsIndex] = (),
    ) -> Score: ...


def metric(function: Callable[..., Score]) -> Metric[Score]:
    """Make a metric of any label maps from one of those in 32 bits, and compile it.

    A `ValueError` says what was wanted. NaN is a score, of an image without objects, so
    `jax_debug_nans` does not look for it here.
    """
    compiled = eqx.filter_jit(function)

    @functools.wraps(function)
    def of_any(true: Any, pred: Any, num_true: Any, num_pred: Any, ignore: Any = ()) -> Any:
        true, pred = _batch("true", true), _batch("pred", pred)
        if true.shape != pred.shape:
            raise ValueError(f"true and pred must be alike, got {true.shape} and {pred.shape}.")
        counts = _count("num_true", num_true), _count("num_pred", num_pred)
        if counts[0] * counts[1] > MAX_CELLS:
            raise ValueError(
                f"num_true · num_pred must be at most {MAX_CELLS:,}, got {counts[0]:,} · "
                f"{counts[1]:,}: number the labels anew, as np.unique(…, return_inverse=True) does."
            )
        both = in_32_bits(true, counts[0]), in_32_bits(pred, counts[1])
        with jax.debug_nans(False):
            return compiled(*both, *counts, _labels(ignore, counts[0]))

    return of_any


def in_32_bits(labels: LabelMaps, count: int) -> Int32[Array | np.ndarray, "b *pixels"]:
    """Return the labels in 32 bits, -1 in place of those that these do not hold.

    - `count`: valid labels are 0 … count - 1.
    """
    kind = np.dtype(labels.dtype)
    if kind.itemsize < 4 or kind == np.int32:
        return labels.astype(np.int32)
    where = jnp.where if isinstance(labels, jax.Array) else np.where
    return where((labels >= 0) & (labels < count), labels.astype(np.int32), np.int32(-1))


def _batch(name: str, labels: Any) -> Shaped[Array | np.ndarray, "b *pixels"]:
    array = labels if isinstance(labels, jax.Array) else np.asarray(labels)
    if not (jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == bool):
        raise ValueError(
            f"{name} must be label maps of whole numbers, got {array.dtype}: the label of a pixel "
            "is the argmax of its masks."
        )
    if array.ndim == 0:
        raise ValueError(f"{name} must be a batch of label maps, got one number.")
    return array


def _count(name: str, number: SupportsIndex) -> int:
    count = operator.index(number)
    if count < 1:
        raise ValueError(f"{name} must be 1 or more, as labels are 0 … {name} - 1; got {count}.")
    return count


def _labels(ignore: Any, count: int) -> tuple[int, ...]:
    if not isinstance(ignore, Iterable):
        raise ValueError(f"ignore must be labels such as (0,), got {ignore!r:.60}.")
    labels = {operator.index(label) for label in ignore}
    return tuple(sorted(label for label in labels if 0 <= label < count))
