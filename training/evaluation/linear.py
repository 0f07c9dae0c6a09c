"""Linear models in closed form or by L-BFGS, as scikit-learn's defaults have them."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int


@dataclasses.dataclass(frozen=True)
class Linear:
    """A linear function of features, which it standardises first.

    - `mean`, `spread`: of each feature where it was fitted.
    """

    mean: Float[np.ndarray, " d"]
    spread: Float[np.ndarray, " d"]
    weight: Float[np.ndarray, "d c"]
    bias: Float[np.ndarray, " c"]

    def __call__(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n c"]:
        return (x - self.mean) / self.spread @ self.weight + self.bias


def fit_values(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n c"]) -> Linear:
    """Return the ridge regression of `y`: it minimises Σ |y - f(x)|² + |weight|²."""
    mean, spread = _moments(x)
    z, bias = (x - mean) / spread, y.mean(axis=0, dtype=np.float64)
    weight = np.linalg.solve(z.T @ z + np.eye(z.shape[1]), z.T @ (y - bias))
    return Linear(mean, spread, weight, bias)


def fit_classes(x: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"], count: int) -> Linear:
    """Return the logistic regression of classes, whose largest output is the one it predicts.

    It minimises Σ -log softmax(f(x))_y + |weight|² / 2.

    - `y`: classes from 0 to `count` - 1.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    mean, spread = _moments(x)
    z, wanted = np.column_stack([(x - mean) / spread, np.ones(len(x))]), np.eye(count)[y]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(-1, count)
        found, penalised = log_softmax(z @ weights, axis=1), weights.copy()
        penalised[-1] = 0  # the bias
        value = np.square(penalised).sum() / 2 - (wanted * found).sum()
        slope = z.T @ (np.exp(found) - wanted) + penalised
        return value / len(z), slope.ravel() / len(z)

    start = np.zeros(z.shape[1] * count)
    options = dict(maxiter=1000, ftol=1e-10, gtol=1e-6)
    weights = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x
    *weight, bias = weights.reshape(-1, count)
    return Linear(mean, spread, np.array(weight), bias)


def _moments(x: Float[np.ndarray, "n d"]) -> tuple[np.ndarray, np.ndarray]:
    mean, spread = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    return mean, np.where(spread > 0, spread, 1)
