"""What a loop trains: one model, or several at once that see the same images."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, SupportsFloat, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from .config import TrainConfig
from .data import Batch
from .distributed import replicate, split
from .step import TrainState, train_step, update

Metrics = Mapping[str, SupportsFloat]


@runtime_checkable
class Models(Protocol):
    """One or several models in training."""

    def step(self, images: Batch) -> list[Metrics]:
        """Train each on a batch, and return its metrics, without waiting for the devices."""
        ...

    def state(self, place: int) -> TrainState:
        """Return the state of one of them."""
        ...


class Single:
    """One model: every device has it, and a part of each batch."""

    def __init__(self, state: TrainState, config: TrainConfig, mesh: Mesh):
        self._state, self._config, self._mesh = replicate(state, mesh), config, mesh

    def step(self, images: Batch) -> list[Metrics]:
        batch = split(images, self._mesh)
        self._state, measured = train_step(batch, self._state, self._config, self._mesh)
        return [measured]

    def state(self, place: int) -> TrainState:
        return self._state


class Ensemble:
    """Several models of one recipe but for the seed: every device has some, and whole batches.

    Each learns what it would learn alone, up to rounding. Nothing is exchanged between devices.

    A GPU or TPU computes its models together, by `jax.vmap`. A CPU's device is a core, which
    computes one model at a time: there, convolutions of several models at once are slower than one
    after another.

    - `states`: one or more.
    - `config`: of any of them.
    - `mesh`: the devices, of whatever axis.
    """

    def __init__(self, states: Sequence[TrainState], config: TrainConfig, mesh: Mesh):
        devices, count = mesh.devices.flatten(), len(states)
        self._each = 1 if jax.default_backend() == "cpu" else -(-count // len(devices))
        used = devices[: -(-count // self._each)]
        self._config, self._count = config, count
        self._mesh = Mesh(used, ("seed",))
        self._size = self._each * len(used)
        sharding = NamedSharding(self._mesh, PartitionSpec("seed"))
        parts = [eqx.partition(state, eqx.is_array) for state in states]
        self._rest = parts[0][1]
        self._groups = []
        for first in range(0, count, self._size):
            group = [arrays for arrays, _ in parts[first : first + self._size]]
            group += group[-1:] * (self._size - len(group))  # one more costs a free device nothing
            stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *group)
            self._groups.append(jax.device_put(stacked, sharding))

    def step(self, images: Batch) -> list[Metrics]:
        batch, found = replicate(images, self._mesh), []
        for place, group in enumerate(self._groups):
            self._groups[place], measured = _train_group(
                batch, group, self._rest, self._config, self._mesh
            )
            found += [
                {name: _Element(values, row) for name, values in measured.items()}
                for row in range(self._size)
            ]
        return found[: self._count]

    def state(self, place: int) -> TrainState:
        group, inside = divmod(place, self._size)
        device, row = divmod(inside, self._each)
        arrays = jax.tree.map(
            # By way of the host, so that it belongs to no device and can go to any.
            lambda x: jnp.asarray(np.asarray(x.addressable_shards[device].data)[row]),
            self._groups[group],
        )
        return eqx.combine(arrays, self._rest)


class _Element:
    """A number of an array that may still be computed."""

    def __init__(self, array: Float[Array, " k"], row: int):
        self._array, self._row = array, row

    def __float__(self) -> float:
        return float(np.asarray(self._array)[self._row])


@eqx.filter_jit(donate="all-except-first")
def _train_group(
    images: Batch, group: Any, rest: Any, config: TrainConfig, mesh: Mesh
) -> tuple[Any, dict[str, Float[Array, " k"]]]:
    """Return the arrays of the states of models after one batch, and their metrics."""

    def train(images: Batch, arrays: Any) -> tuple[Any, dict[str, Float[Array, ""]]]:
        state, measured = update(images, eqx.combine(arrays, rest), config)
        return eqx.filter(state, eqx.is_array), measured

    def train_some(images: Batch, some: Any) -> Any:
        if jax.tree.leaves(some)[0].shape[0] > 1:
            return jax.vmap(train, in_axes=(None, 0))(images, some)
        # Without `vmap`, whose convolutions are slower even of one model.
        found = train(images, jax.tree.map(lambda x: x[0], some))
        return jax.tree.map(lambda x: jnp.expand_dims(x, 0), found)

    seeds, all_of_it = PartitionSpec("seed"), PartitionSpec()
    return jax.shard_map(
        train_some, mesh=mesh, in_specs=(all_of_it, seeds), out_specs=seeds, check_vma=False
    )(images, group)
