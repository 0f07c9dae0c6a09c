"""Which pixels of an image a step looks at: importance sampling."""

from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

UNIFORM = 0.4  # of the probability is spread evenly; it bounds every weight by 1 / UNIFORM


def importance(image: Float[Array, "h w 3"]) -> Float[Array, " n"]:
    """The probability of each pixel to be looked at, row by row: high where the picture changes.

    A mixture, p = UNIFORM / n + (1 - UNIFORM) contrast / Σ contrast: flat regions, which most of a
    picture may be, are soon learnt and say little; edges say where objects end. An even part keeps
    the weights 1 / (n p) bounded (a defensive mixture, Hesterberg 1995). Without any contrast all
    pixels are alike.
    """
    edges = contrast(image).reshape(-1)
    mean = edges.mean()
    is_flat = mean == 0
    mixed = UNIFORM + (1 - UNIFORM) * edges / jnp.where(is_flat, 1, mean)
    return jnp.where(is_flat, 1, mixed) / edges.size


def contrast(image: Float[Array, "h w 3"]) -> Float[Array, "h w"]:
    """The range of colours in a pixel's 3×3 neighbourhood, of the channel where it is largest."""
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return (_over_3x3(jnp.maximum, padded) - _over_3x3(jnp.minimum, padded)).max(axis=-1)


def _over_3x3(
    join: Callable[[Array, Array], Array], padded: Float[Array, "p q 3"]
) -> Float[Array, "h w 3"]:
    """A running maximum or minimum. Of slices, which fuse: `reduce_window` is slow on a CPU."""
    columns = join(join(padded[:-2], padded[1:-1]), padded[2:])
    return join(join(columns[:, :-2], columns[:, 1:-1]), columns[:, 2:])


def sample_pixels(
    probability: Float[Array, " n"], count: int, *, key: PRNGKeyArray
) -> tuple[Int[Array, " m"], Float[Array, " m"]]:
    """Projections drawn with replacement, and weights with which a sum over them is without bias.

    E[Σᵢ weightᵢ f(pixelᵢ)] = Σₙ f(n) for every f: a weight is 1 / (count · probability). The draw
    is stratified, one pixel from each `count`-th part of the probability, in the order of pixels,
    so that every region gets its share in every step.
    """
    cumulative = jnp.cumsum(probability)
    strata = jnp.arange(count, dtype=probability.dtype)
    places = (strata + jr.uniform(key, (count,), probability.dtype)) / count * cumulative[-1]
    chosen = jnp.searchsorted(cumulative, places, side="right", method="compare_all")
    chosen = jnp.minimum(chosen, len(probability) - 1)  # rounding may reach the very end
    return chosen, 1 / (count * probability[chosen])
