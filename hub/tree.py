"""A pytree as named arrays, in memory and as a safetensors file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy

from .files import atomic_file

T = TypeVar("T")


def _is_tensor(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _named(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_tensor))
    return {jax.tree_util.keystr(p, simple=True, separator="."): leaf for p, leaf in leaves}


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree by their path: `{"encoder.layers.0.weight": array, …}`."""
    return {name: np.asarray(leaf, order="C") for name, leaf in _named(tree).items()}


def named_shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of a tree's arrays, or of the `jax.ShapeDtypeStruct` in their places, by path."""
    return {name: leaf.shape for name, leaf in _named(tree).items()}


def fill(tree: T, arrays: Mapping[str, np.ndarray | jax.Array]) -> T:
    """The tree with every array, or `jax.ShapeDtypeStruct` in its place, replaced by name.

    The new arrays keep their own dtypes. Raises a `ValueError` that lists every name that is
    missing, unexpected, or of another shape.
    """
    wanted = _named(tree)
    problems = [f"missing {name} {wanted[name].shape}" for name in wanted.keys() - arrays.keys()]
    problems += [f"unexpected {name}" for name in arrays.keys() - wanted.keys()]
    problems += [
        f"{name} should be {wanted[name].shape}, is {arrays[name].shape}"
        for name in wanted.keys() & arrays.keys()
        if wanted[name].shape != arrays[name].shape
    ]
    if problems:
        raise ValueError("the tensors do not fit: " + "; ".join(sorted(problems)) + ".")
    tensors, rest = eqx.partition(tree, _is_tensor)
    values = [jnp.asarray(arrays[name]) for name in wanted]
    tensors = jax.tree.unflatten(jax.tree.structure(tensors), values)
    return eqx.combine(tensors, rest)


def write(tree: Any, path: Path) -> None:
    """Write a tree's arrays as a safetensors file, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(safetensors.numpy.save(named_arrays(tree)))


def read(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of a safetensors file; a `ValueError` says if it is absent or damaged."""
    try:
        return safetensors.numpy.load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}.") from error
