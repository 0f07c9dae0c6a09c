"""Means over images, shares of variance, and how far they may be off."""

from typing import Any

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000


def mean_of(values: Float[np.ndarray, " n"]) -> float:
    """Return the mean of those that are not NaN, NaN if there are none."""
    kept = values[~np.isnan(values)].astype(np.float64)
    return float(kept.mean()) if len(kept) else float("nan")


def interval(values: Float[np.ndarray, " n"], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of values that are not NaN, by the bootstrap over them.

    Its ends are percentiles of the means of 2,000 resamples (Efron 1979), the same ones every time.
    It says how another draw of images would change the score of this model, not another training.
    """
    kept = values[~np.isnan(values)].astype(np.float64)
    if len(kept) < 2:
        return mean_of(values), mean_of(values)
    return _bootstrap((kept,), np.mean, level)


def moments(
    true: Float[np.ndarray, "n i c"], estimate: Float[np.ndarray, "n i c"]
) -> Float[np.ndarray, "n m"]:
    """Return of each image what `share_of_variance` needs: sums over its i objects.

    Their number, sums of c components of truth and estimate, and sums of squares and of products.
    Objects of NaN do not count.
    """
    counted = ~np.isnan(true[..., 0])
    true, estimate = (
        np.where(counted[..., None], x, 0).astype(np.float64) for x in (true, estimate)
    )
    products = [
        (a * b).sum(axis=(1, 2)) for a, b in ((true, true), (estimate, estimate), (true, estimate))
    ]
    sums = (true.sum(axis=1), estimate.sum(axis=1))
    return np.column_stack([counted.sum(axis=1), *products, *sums])


def share_of_variance(images: Float[np.ndarray, "n m"]) -> float:
    """Return R², the share of the truths' variance that their estimates explain.

    That is by the best common factor and an offset for each component, so a bias of the estimates
    is not counted: 1 if an estimate says all of where the truth is, 0 if nothing. It is the squared
    correlation, with variances and covariance summed over components. NaN without any variance.

    - `images`: `moments`.
    """
    return float(_share(*images.T, axis=0))


def share_interval(images: Float[np.ndarray, "n m"], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of `share_of_variance`, by the bootstrap over images."""
    kept = images[images[:, 0] > 0]
    if len(kept) < 2:
        return share_of_variance(images), share_of_variance(images)
    return _bootstrap(tuple(kept.T), _share, level)


def _share(count: Any, *sums: Any, axis: int) -> Any:
    count, squares_t, squares_e, products, *firsts = (x.sum(axis=axis) for x in (count, *sums))
    half = len(firsts) // 2
    pairs = list(zip(firsts[:half], firsts[half:], strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        of_true = squares_t - sum(t * t for t, _ in pairs) / count
        of_estimate = squares_e - sum(e * e for _, e in pairs) / count
        common = products - sum(t * e for t, e in pairs) / count
        return common**2 / (of_true * of_estimate)


def _bootstrap(samples: tuple[Any, ...], statistic: Any, level: float) -> tuple[float, float]:
    from scipy.stats import bootstrap  # a second, which a run need not wait for

    found = bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=200,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
