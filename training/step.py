"""A training step, as a pure function of the state."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt32

from isa_eqx import ISA

from .config import TrainConfig
from .data import Images
from .objective import batch_loss


class TrainState(eqx.Module):
    """All that changes while training: what a checkpoint holds."""

    model: ISA
    optimiser: optax.OptState
    step: Int[Array, ""]
    seed: UInt32[Array, ""]


def initial_state(config: TrainConfig) -> TrainState:
    """Return the state before the first step."""
    model = eqx.filter_jit(ISA)(config.model, key=jr.fold_in(jr.key(config.seed), 0))
    optimiser = make_optimiser(config).init(eqx.filter(model, eqx.is_array))
    return TrainState(model, optimiser, jnp.zeros((), jnp.int32), jnp.uint32(config.seed))


def make_optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """Return Adam with clipping, a linear warm-up and a cosine to zero."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, config.warmup_steps, max(config.steps, config.warmup_steps + 1)
    )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(schedule))


def update(
    images: Images, state: TrainState, config: TrainConfig
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """Return the state after one batch, and metrics: `loss` and `gradient_norm` before clipping.

    The randomness depends only on the seed, the number of the step and the place in the batch, so
    that a resumed run continues as if it had not been interrupted, on any number of devices.

    - `config`: its seeds are not used, as the state has its own.
    """
    key = jr.fold_in(jr.fold_in(jr.key(state.seed), 1), state.step)
    value, gradient = value_and_gradient(state.model, images, config, state.step, key=key)
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to whole powers
        updates, optimiser = make_optimiser(config).update(gradient, state.optimiser)
    model = eqx.apply_updates(state.model, updates)
    measured = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
    return TrainState(model, optimiser, state.step + 1, state.seed), measured


# Compiled; the old state is donated: its memory becomes the new state's.
train_step = eqx.filter_jit(update, donate="all-except-first")


def value_and_gradient(
    model: ISA, images: Images, config: TrainConfig, step: Int[Array, ""], *, key: PRNGKeyArray
) -> tuple[Float[Array, ""], Any]:
    """Return the mean loss of a batch and its gradient, an `ISA`. See `config.accumulate`."""
    of_part = eqx.filter_value_and_grad(batch_loss)
    keys, parts = jr.split(key, len(images)), config.accumulate
    if parts == 1:
        return of_part(model, images, config, step, keys=keys)

    def add(sums: tuple[Array, ISA], part: tuple[Images, Key[Array, " b"]]) -> tuple[Any, None]:
        some, some_keys = part
        found = of_part(model, some, config, step, keys=some_keys)
        return jax.tree.map(jnp.add, sums, found), None

    # Every `parts`-th image: where the batch is split between devices, so is each part.
    divided = jax.tree.map(
        lambda array: array.reshape(-1, parts, *array.shape[1:]).swapaxes(0, 1), (images, keys)
    )
    nothing = jax.tree.map(jnp.zeros_like, eqx.filter(model, eqx.is_array))
    (value, gradient), _ = jax.lax.scan(add, (jnp.zeros(()), nothing), divided)
    return value / parts, jax.tree.map(lambda array: array / parts, gradient)
