"""Placing objects on the ground without overlap."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, ArrayLike, Bool, Float, PRNGKeyArray

TRIES = 100  # places drawn for each object; if none is free, it is left out


def scatter(
    radii: Float[Array, " k"],
    low: tuple[float, float],
    high: tuple[float, float],
    *,
    gap: float,
    margin: float = 0.0,
    angle: ArrayLike = 0.0,
    key: PRNGKeyArray,
) -> tuple[Float[Array, "k 2"], Bool[Array, " k"]]:
    """Place discs one after another; return their centres, and which of them found a place.

    - `radii`: of the discs; one of radius 0 is left out.
    - `low`, `high`: corners of the rectangle that centres are uniform in.
    - `gap`: least distance between two discs.
    - `margin`: least distance between two centres along each of two axes, turned by `angle`.
    """
    count = len(radii)
    cos, sin = jnp.cos(jnp.asarray(angle)), jnp.sin(jnp.asarray(angle))
    axes = jnp.stack([jnp.stack([cos, sin]), jnp.stack([-sin, cos])])
    tries = jr.uniform(
        key,
        (count, TRIES, 2),
        minval=jnp.asarray(low, jnp.float32),
        maxval=jnp.asarray(high, jnp.float32),
    )

    def place(
        number: Array, found: tuple[Float[Array, "k 2"], Bool[Array, " k"]]
    ) -> tuple[Float[Array, "k 2"], Bool[Array, " k"]]:
        centres, is_there = found
        apart = tries[number][:, None] - centres[None]
        room = jnp.linalg.norm(apart, axis=-1) - (radii + radii[number] + gap)[None]
        along = jnp.abs(apart @ axes.T).min(axis=-1)
        is_free = jnp.all((room > 0) & (along > margin) | ~is_there[None], axis=1)
        chosen = jnp.argmax(is_free)
        is_placed = is_free[chosen] & (radii[number] > 0)
        return centres.at[number].set(tries[number, chosen]), is_there.at[number].set(is_placed)

    return jax.lax.fori_loop(0, count, place, (jnp.zeros((count, 2)), jnp.zeros(count, bool)))
