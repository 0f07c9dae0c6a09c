"""Coordinate grids, and what an attention map says about where it looks."""

import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float


def coordinates(height: int, width: int, dtype: DTypeLike = jnp.float32) -> Float[Array, "n 2"]:
    """The (y, x) coordinates of every pixel in row-major order; the corners lie at ±1.

    One unit is half the image: a step of one pixel is 2 / (height - 1) downwards.
    """
    y = jnp.linspace(-1, 1, height, dtype=dtype)
    x = jnp.linspace(-1, 1, width, dtype=dtype)
    return jnp.stack(jnp.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


def weighted_mean(weights: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Float[Array, "k 2"]:
    """The centre of each map: Σₙ weights · grid, for weights that sum to one over n."""
    return weights @ grid
