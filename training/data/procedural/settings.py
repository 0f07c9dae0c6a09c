"""The settings of JAX that scenes are drawn under, whatever a program has set.

Scores are compared on scenes that everybody draws anew, so an index must mean the same scene
everywhere. JAX's switches would change it: 64 bits and another generator of random numbers draw
other numbers from the same seed.
"""

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PRNGKeyArray


@contextlib.contextmanager
def default_settings() -> Iterator[None]:
    """Trace, compile and run what is in the block as JAX does where nothing has been set."""
    with (
        jax.enable_x64(False),
        jax.default_prng_impl("threefry2x32"),
        jax.threefry_partitionable(True),
    ):
        yield


def scene_key(seed: int, split: int) -> PRNGKeyArray:
    """Return the key of a split's scenes, within `default_settings`.

    - `seed`: from 0 to 2³² - 1.
    """
    # What `jr.key(seed)` is where JAX_RANDOM_SEED_OFFSET, which it adds, is not set.
    return jr.fold_in(jr.wrap_key_data(jnp.array([0, seed], jnp.uint32)), split)
