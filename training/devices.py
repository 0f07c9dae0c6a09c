"""The devices of a run: batches are split between them, and each has the whole state.

It is data parallelism, as `jax.pmap` once did it: arrays say where they are, and the jitted step
computes where its arguments are, exchanging gradients as it must.
"""

from typing import TypeVar

import equinox as eqx
import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from .config import TrainConfig
from .data import Images

Tree = TypeVar("Tree")


def make_mesh(config: TrainConfig, count: int | None = None) -> Mesh:
    """Return a mesh of the first `count` devices, by default all, with the axis `batch`.

    Raises a `ValueError` if a batch, or a part of it that is computed at once, does not divide by
    their number.
    """
    devices = jax.devices()[:count]
    count, part = len(devices), config.batch_size // config.accumulate
    if part % count:
        below = part // count * count * config.accumulate
        sizes = (below, below + count * config.accumulate)
        valid = " or ".join(str(size) for size in sizes if size)
        parts = f" in {config.accumulate} parts" if config.accumulate > 1 else ""
        raise ValueError(
            f"batch_size must divide by {count} devices{parts}, got {config.batch_size}; "
            f"{valid} would."
        )
    return jax.make_mesh((count,), ("batch",), axis_types=(AxisType.Auto,), devices=devices)


def replicate(tree: Tree, mesh: Mesh) -> Tree:
    """Return the tree with its arrays on every device."""
    return eqx.filter_shard(tree, NamedSharding(mesh, PartitionSpec()))


def split(images: Images, mesh: Mesh) -> Images:
    """Return a batch of which each device has a part."""
    return jax.device_put(images, NamedSharding(mesh, PartitionSpec("batch")))
