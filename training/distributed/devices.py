"""The devices of a run: batches are split between them, and each has the whole state.

Each runs the same program on its part of a batch (`training/step.py`). Each core of a CPU is a
device. The devices may be those of several hosts (`hosts.py`).
"""

import collections
import contextlib
import os
from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int

from ..config import TrainConfig

Tree = TypeVar("Tree")

LAG = 2  # steps


def make_mesh(config: TrainConfig, count: int | None = None) -> Mesh:
    """Return a mesh of devices that each have the same number of images, with the axis `batch`.

    - `count`: of devices. By default all of them, or of one host as many as the batch, or the part
      of it that is computed at once, divides by.

    Raises a `ValueError` if it does not divide by their number, or if there are not that many.
    """
    available, part = len(jax.devices()), config.batch_size // config.accumulate
    if count is None and jax.process_count() == 1:
        return all_devices(max(n for n in range(1, available + 1) if part % n == 0))
    mesh = all_devices(count)
    count = mesh.size
    if part % count:
        below = part // count * count * config.accumulate
        sizes = (below, below + count * config.accumulate)
        valid = " or ".join(str(size) for size in sizes if size)
        parts = f" in {config.accumulate} parts" if config.accumulate > 1 else ""
        raise ValueError(
            f"batch_size must divide by {count} devices{parts}, got {config.batch_size}; "
            f"{valid} would."
        )
    return mesh


def all_devices(count: int | None = None) -> Mesh:
    """Return a mesh of the first `count` devices, by default all, with the axis `batch`.

    Raises a `ValueError` if there are not that many, or if those of several hosts are not all.
    """
    devices = jax.devices()
    if jax.process_count() > 1 and count not in (None, len(devices)):
        raise ValueError("several hosts use all of their devices: leave out --devices.")
    if count is not None and not 1 <= count <= len(devices):
        raise ValueError(f"--devices must be from 1 to {len(devices)}, as there are, got {count}.")
    # Not `jax.make_mesh`, which may reorder devices: a host's part of a batch has to be its own.
    return Mesh(np.array(devices[:count]), ("batch",))


def use_all_cores() -> None:
    """Make each core of a CPU a device of its own, if JAX has not begun and nothing else is set."""
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", count_cores())


def count_cores() -> int:
    """Return the number of cores that this program may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Return the tree with its arrays, the same on all hosts, on every device."""
    sharding = NamedSharding(mesh, PartitionSpec())
    arrays, rest = eqx.partition(tree, eqx.is_array)
    # A copy: where a step donates one, the other stays.
    return eqx.combine(jax.device_put(arrays, sharding, may_alias=False), rest)


def split(part: Tree, mesh: Mesh) -> Tree:
    """Return a batch of which each device has a part, from this host's part of it."""
    sharding = NamedSharding(mesh, PartitionSpec("batch"))
    return jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(sharding, np.asarray(array)), part
    )


def share_out(batch: Tree, mesh: Mesh) -> Tree:
    """Return a batch of which each device has a part, where every host has the whole."""
    sharding = NamedSharding(mesh, PartitionSpec("batch"))

    def share(array: Any) -> Array:
        whole = np.asarray(array)
        return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)

    return jax.tree.map(share, batch)


def gather(tree: Any) -> Any:
    """Return the tree with whole NumPy arrays, wherever their parts are, on every host."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def agree(mesh: Mesh) -> Callable[[int], int]:
    """Return a function of a number at each step, which hosts may have different ones of.

    It returns the largest, of some steps ago: the same on all hosts, without waiting for any.
    """
    if jax.process_count() == 1:
        return lambda number: number
    asked: collections.deque[Int[Array, ""]] = collections.deque()

    def largest(number: int) -> int:
        asked.append(_largest(split(np.full(jax.local_device_count(), number, np.int32), mesh)))
        return int(asked.popleft()) if len(asked) > LAG else 0

    return largest


@jax.jit
def _largest(numbers: Int[Array, " d"]) -> Int[Array, ""]:
    return jnp.max(numbers)
