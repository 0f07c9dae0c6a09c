"""How far a mean over images may be off."""

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
    from scipy.stats import bootstrap  # a second, which a run need not wait for

    kept = values[~np.isnan(values)]
    if len(kept) < 2:
        return mean_of(values), mean_of(values)
    found = bootstrap(
        (kept.astype(np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        batch=200,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
