"""Reads the msgpack files of Flax without Flax; nothing but arrays is created from them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

ARRAY = 1  # Flax's extension code of an array: msgpack of (shape, dtype, bytes)
DTYPES = ("float16", "bfloat16", "float32", "float64")


def read_params(path: str | Path) -> dict[str, np.ndarray]:
    """Return the `params` of a checkpoint by path: `{"GRU_0/GRUCell_0/hn/kernel": array, …}`.

    Raises a `ValueError` if the file is absent, cut short, or no such checkpoint, and an
    `ImportError` that says what to install if the `msgpack` package is absent.
    """
    try:
        import msgpack
    except ImportError as error:
        raise ImportError(
            'reading Flax checkpoints needs the msgpack package: pip install "isa-eqx[original]"'
        ) from error
    try:
        tree = msgpack.unpackb(Path(path).read_bytes(), strict_map_key=False)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, msgpack.UnpackException) as error:
        raise ValueError(
            f"{path} is cut short or no Flax checkpoint: {str(error) or type(error).__name__}."
        ) from error
    params = tree.get("params") if isinstance(tree, dict) else None
    if not isinstance(params, dict):
        found = f"a {type(tree).__name__}"
        if isinstance(tree, dict):
            found = f"a map with {', '.join(sorted(map(repr, tree)))}"
        raise ValueError(f"{path} is no Flax checkpoint: wanted a map with params, got {found}.")
    arrays = {}
    for name, leaf in _leaves(params):
        if not isinstance(leaf, msgpack.ExtType) or leaf.code != ARRAY:
            raise ValueError(f"{path} is damaged: {name} is no array.")
        try:
            arrays[name] = _array(*msgpack.unpackb(leaf.data))
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ValueError(f"{path} is damaged: {name} is no array, {error}.") from error
    return arrays


def _leaves(tree: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _leaves(value, f"{name}/")
        else:
            yield name, value


def _array(shape: list[int], dtype: str, content: bytes) -> np.ndarray:
    if dtype not in DTYPES:
        raise ValueError(f"wanted a dtype of {', '.join(DTYPES)}, got {dtype!r}")
    kind = jnp.dtype(dtype)
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"its shape is {shape!r}")
    if math.prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"{shape} of {dtype} in {len(content)} bytes")
    return np.frombuffer(content, kind).reshape(shape)
