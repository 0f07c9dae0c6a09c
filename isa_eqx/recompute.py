"""A function of one slot after another, which computes each again in the backward pass."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Function = Callable[[Any, Any], Float[Array, "..."]]


def recomputed_map(
    function: Function, weights: Any, slots: Any, *, unroll: bool = False
) -> Float[Array, "k ..."]:
    """Return `function(weights, slot)` of each slot, differentiable once, in reverse.

    What it computes on the way is held of one slot at a time, in the backward pass, too, which
    computes it anew: less memory, a third more work.

    - `weights`: a tree of arrays that all slots share. If slots are of a batch, by one `jax.vmap`,
      the gradient is computed of all its images together: one for each image would make
      convolutions grouped ones, which are some thirty times slower on a CPU.
    - `slots`: a tree of arrays whose first axis is that of the slots.
    - `unroll`: as of `jax.lax.scan`; see `unroll_convolutions`.
    """

    def forward(weights: Any, slots: Any) -> tuple[Float[Array, "k ..."], tuple[Any, Any]]:
        def one(before: Float[Array, ""], slot: Any) -> tuple[Float[Array, ""], Array]:
            out = function(weights, after(before, slot))
            return out.ravel()[0], out

        start = jnp.zeros((), jax.tree.leaves(slots)[0].dtype)
        return jax.lax.scan(one, start, slots, unroll=unroll)[1], (weights, slots)

    def backward(inputs: tuple[Any, Any], cotangents: Float[Array, "k ..."]) -> tuple[Any, Any]:
        return _gradients(function, unroll)(*inputs, cotangents)

    mapped = jax.custom_vjp(lambda weights, slots: forward(weights, slots)[0])
    mapped.defvjp(forward, backward)
    return mapped(weights, slots)


def unroll_convolutions() -> bool:
    """Return the `unroll` of a `jax.lax.scan` whose rounds convolve: `True` on a CPU.

    There XLA has only its slowest form of a convolution in a loop (jax-ml/jax#12868). Put `after`
    between the rounds, or it computes all of them at once, and holds what they hold together.
    """
    return jax.default_backend() == "cpu"


def after(first: Any, tree: Any) -> Any:
    """Return a tree of arrays that XLA cannot have before the floating arrays of the first tree.

    It drops `jax.lax.optimization_barrier` before it orders a program, but keeps this: a zero that
    is made of a number of each.
    """
    numbers = [jnp.abs(leaf.ravel()[0]).astype(jnp.float32) for leaf in jax.tree.leaves(first)]
    zero = jnp.minimum(sum(numbers, jnp.zeros(())), 0)
    return jax.tree.map(lambda x: x + zero.astype(x.dtype), tree)


def _gradients(function: Function, unroll: bool) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    """Return a function from weights, slots and cotangents to the gradients by the first two."""

    def of(function: Function, weights: Any, slots: Any, cotangents: Any) -> tuple[Any, Any]:
        def one(total: Any, slot: tuple[Any, Array]) -> tuple[Any, Any]:
            inputs, cotangent = slot
            _, transposed = jax.vjp(function, weights, after((total, cotangent), inputs))
            by_weights, by_slot = transposed(cotangent)
            return jax.tree.map(jnp.add, total, by_weights), by_slot

        nothing = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(one, nothing, (slots, cotangents), unroll=unroll)

    @jax.custom_batching.custom_vmap
    def gradients(weights: Any, slots: Any, cotangents: Any) -> tuple[Any, Any]:
        return of(function, weights, slots, cotangents)

    @gradients.def_vmap
    def of_batch(size: int, batched: Any, *inputs: Any) -> tuple[Any, Any]:
        if any(jax.tree.leaves(batched[0])):  # models of several seeds
            axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, batched)
            found = jax.vmap(lambda *one: of(function, *one), in_axes=axes)(*inputs)
            return found, jax.tree.map(lambda _: True, found)

        def slots_first(x: Array, is_batched: bool) -> Array:
            return x.swapaxes(0, 1) if is_batched else jnp.repeat(x[:, None], size, axis=1)

        weights, *others = inputs
        slots, cotangents = jax.tree.map(slots_first, others, list(batched[1:]))
        of_images = jax.vmap(function, in_axes=(None, 0))
        by_weights, by_slots = of(of_images, weights, slots, cotangents)
        by_slots = jax.tree.map(lambda x: x.swapaxes(0, 1), by_slots)
        has_images = (
            jax.tree.map(lambda _: False, by_weights),
            jax.tree.map(lambda _: True, by_slots),
        )
        return (by_weights, by_slots), has_images

    return gradients
