"""Importance sampling of pixels: an unbiased loss from a fraction of an image."""

from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

UNIFORM = 0.4  # of the probability is spread evenly; it bounds every weight by 1 / UNIFORM


def importance(image: Float[Array, "h w 3"]) -> Float[Array, " n"]:
    """Return the probability that each pixel is sampled, in row-major order.

    It is a mixture, p = UNIFORM / n + (1 - UNIFORM) contrast / Σ contrast: flat regions, often most
    of an image, are soon learnt and say little, while edges say where objects end. The uniform part
    bounds the weights 1 / (n p) (a defensive mixture, Hesterberg 1995). An image without any
    contrast is sampled uniformly.
    """
    edges = contrast(image).reshape(-1)
    mean = edges.mean()
    is_flat = mean == 0
    mixed = UNIFORM + (1 - UNIFORM) * edges / jnp.where(is_flat, 1, mean)
    return jnp.where(is_flat, 1, mixed) / edges.size


def contrast(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """Return the range of values in each pixel's 3×3 neighbourhood, largest of the channels."""
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return (_over_3x3(jnp.maximum, padded) - _over_3x3(jnp.minimum, padded)).max(axis=-1)


def _over_3x3(
    join: Callable[[Array, Array], Array], padded: Float[Array, "p q 3"]
) -> Float[Array, "h w 3"]:
    """Return a running maximum or minimum. Slices fuse; `reduce_window` is slow on a CPU."""
    columns = join(join(padded[:-2], padded[1:-1]), padded[2:])
    return join(join(columns[:, :-2], columns[:, 1:-1]), columns[:, 2:])


def sample_pixels(
    probability: Float[Array, " n"], count: int, *, key: PRNGKeyArray
) -> tuple[Int[Array, " m"], Float[Array, " m"]]:
    """Draw pixels with replacement; return their indices and weights.

    The weights 1 / (count · probability) make sums unbiased: E[Σᵢ weightᵢ f(pixelᵢ)] = Σₙ f(n) for
    every f. The draw is stratified: one pixel from each of `count` equal parts of the cumulative
    probability, so that every region gets its share in every step.
    """
    cumulative = jnp.cumsum(probability)
    strata = jnp.arange(count, dtype=probability.dtype)
    places = (strata + jr.uniform(key, (count,), probability.dtype)) / count * cumulative[-1]
    chosen = jnp.searchsorted(cumulative, places, side="right")
    chosen = jnp.minimum(chosen, len(probability) - 1)  # rounding may reach the very end
    return chosen, 1 / (count * probability[chosen])
