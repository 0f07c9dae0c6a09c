"""A training step, as a pure function of the state."""

import dataclasses
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, Key, UInt32

from isa_eqx import ISA

from .config import TrainConfig
from .data import Batch
from .objective import batch_loss

Tree = TypeVar("Tree")


class TrainState(eqx.Module):
    """All that changes while training: what a checkpoint holds."""

    model: ISA
    optimiser: optax.OptState
    step: Int[Array, ""]
    seed: UInt32[Array, ""]


def initial_state(config: TrainConfig) -> TrainState:
    """Return the state before the first step, compiled; `draw_state` is it as a pure function."""
    # What runs once is compiled in half the time without XLA's later passes, to the same numbers.
    is_cpu = jax.default_backend() == "cpu"
    once = {"xla_backend_optimization_level": 1} if is_cpu else {}
    draw = jax.jit(draw_state, static_argnums=0, compiler_options=once)
    return draw(dataclasses.replace(config, seed=0), jnp.uint32(config.seed))


def draw_state(config: TrainConfig, seed: UInt32[Array, ""]) -> TrainState:
    """Return the state before the first step, with this seed in place of the recipe's."""
    model = ISA(config.model, key=jr.fold_in(jr.key(seed), 0))
    optimiser = make_optimiser(config).init(eqx.filter(model, eqx.is_array))
    return TrainState(model, optimiser, jnp.zeros((), jnp.int32), seed)


def make_optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """Return Adam with clipping, a linear warm-up and a cosine to zero."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, config.warmup_steps, max(config.steps, config.warmup_steps + 1)
    )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(schedule))


def update(
    images: Batch, state: TrainState, config: TrainConfig, axis: str | None = None
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """Return the state after one batch, and metrics: `loss` and `gradient_norm` before clipping.

    The randomness depends only on the seed, the number of the step and the place in the batch, so
    that a resumed run continues as if it had not been interrupted, on any number of devices.

    - `images`: the batch, or this device's part of it.
    - `config`: its seeds are not used, as the state has its own.
    - `axis`: of the devices that have parts of equal size, inside of a `jax.shard_map`.
    """
    key = jr.fold_in(jr.fold_in(jr.key(state.seed), 1), state.step)
    devices, place = (1, 0) if axis is None else (jax.lax.axis_size(axis), jax.lax.axis_index(axis))
    keys = jr.split(key, (devices, len(images)))[place]
    value, gradient = value_and_gradient(state.model, images, config, state.step, keys=keys)
    if axis is not None and devices > 1:
        value, gradient = mean_over_devices((value, gradient), axis)
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to whole powers
        updates, optimiser = make_optimiser(config).update(gradient, state.optimiser)
    model = eqx.apply_updates(state.model, updates)
    measured = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
    return TrainState(model, optimiser, state.step + 1, state.seed), measured


@eqx.filter_jit(donate="all-except-first")
def train_step(
    images: Batch, state: TrainState, config: TrainConfig, mesh: Mesh | None = None
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """Return what `update` does, compiled. The old state is donated: its memory becomes the new's.

    - `mesh`: devices that have a part of the images each, along the axis `batch`, and all of the
      state. Each runs this one program, and they exchange their gradients once, as one array.
      By default the device that the images and the state are on.
    """
    if mesh is None:
        return update(images, state, config)
    arrays, rest = eqx.partition(state, eqx.is_array)

    def of_part(images: Batch, arrays: Any) -> tuple[Any, dict[str, Float[Array, ""]]]:
        after, measured = update(images, eqx.combine(arrays, rest), config, axis="batch")
        return eqx.filter(after, eqx.is_array), measured

    parts, all_of_it = PartitionSpec("batch"), PartitionSpec()
    after, measured = jax.shard_map(
        of_part, mesh=mesh, in_specs=(parts, all_of_it), out_specs=all_of_it, check_vma=False
    )(images, arrays)
    return eqx.combine(after, rest), measured


def mean_over_devices(tree: Tree, axis: str) -> Tree:
    """Return the mean of trees of arrays, exchanged as one array.

    An exchange costs by the number of arrays, hardly by their size.
    """
    together, apart = ravel_pytree(tree)
    return apart(jax.lax.pmean(together, axis))


def value_and_gradient(
    model: ISA,
    images: Batch,
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    keys: Key[Array, " b"],
) -> tuple[Float[Array, ""], Any]:
    """Return the mean loss of images and its gradient, an `ISA`. See `config.accumulate`.

    - `keys`: one of each image.
    """
    of_part = eqx.filter_value_and_grad(batch_loss)
    parts = config.accumulate
    if parts == 1:
        return of_part(model, images, config, step, keys=keys)

    def add(sums: tuple[Array, ISA], part: tuple[Batch, Key[Array, " b"]]) -> tuple[Any, None]:
        some, some_keys = part
        found = of_part(model, after(sums, some), config, step, keys=some_keys)
        return jax.tree.map(jnp.add, sums, found), None

    divided = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), (images, keys))
    nothing = jnp.zeros(()), jax.tree.map(jnp.zeros_like, eqx.filter(model, eqx.is_array))
    # In a loop XLA's CPU backend has only its slowest form of a convolution (jax-ml/jax#12868).
    sums, _ = jax.lax.scan(add, nothing, divided, unroll=jax.default_backend() == "cpu")
    return jax.tree.map(lambda x: x / parts, sums)


def after(first: Any, tree: Tree) -> Tree:
    """Return a tree of arrays that XLA cannot have before the floating arrays of the first tree.

    Without a loop it would compute all parts of a batch at once, and hold what they hold together.
    It drops `jax.lax.optimization_barrier` before it orders a program, but keeps this: a zero that
    is made of a number of each.
    """
    numbers = [jnp.abs(leaf.ravel()[0]).astype(jnp.float32) for leaf in jax.tree.leaves(first)]
    zero = jnp.minimum(sum(numbers, jnp.zeros(())), 0)
    return jax.tree.map(lambda x: x + zero.astype(x.dtype), tree)
