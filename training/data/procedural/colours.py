"""Random colours."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray


def random_colours(
    count: int,
    *,
    saturation: tuple[float, float] = (0.6, 1.0),
    value: tuple[float, float] = (0.5, 1.0),
    key: PRNGKeyArray,
) -> Float[Array, "k 3"]:
    """Return colours in [0, 1], of uniform hue, and of saturation and value within bounds."""
    hue, low, high = (
        jr.uniform(k, (count, 1), minval=a, maxval=b)
        for k, (a, b) in zip(jr.split(key, 3), ((0, 1), saturation, value), strict=True)
    )
    # Every channel is a trapezoid of the hue, shifted by a third.
    around = (hue * 6 + jnp.array([[0.0, 4.0, 2.0]])) % 6
    return high * (1 - low * (1 - jnp.clip(jnp.abs(around - 3) - 1, 0, 1)))
