"""Serialisation of pytrees: as arrays by name, and as a safetensors file."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from jax.sharding import Sharding
from jaxtyping import DTypeLike

from .common.files import atomic_file

T = TypeVar("T")
MAX_HEADER_BYTES = 2**20  # bytes of a file's header; a foreign one is not parsed beyond
MAX_PROBLEMS = 50  # of a message

# What safetensors calls the types that JAX has.
_DTYPES = dict(
    BOOL="bool", I8="int8", I16="int16", I32="int32", I64="int64", U8="uint8", U16="uint16",
    U32="uint32", U64="uint64", F16="float16", BF16="bfloat16", F32="float32", F64="float64",
)  # fmt: skip


def _is_tensor(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _named(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_tensor))
    return {jax.tree_util.keystr(p, simple=True, separator="."): leaf for p, leaf in leaves}


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a tree by path: `{"encoder.layers.0.weight": array, …}`."""
    return {name: np.asarray(leaf, order="C") for name, leaf in _named(tree).items()}


def named_shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a tree's arrays, or `jax.ShapeDtypeStruct`s, by path."""
    return {name: leaf.shape for name, leaf in _named(tree).items()}


def fill_tree(tree: T, arrays: Mapping[str, np.ndarray | jax.Array]) -> T:
    """Return the tree with every array, or `jax.ShapeDtypeStruct`, replaced by that of its name.

    The new arrays keep their dtypes. Raises a `ValueError` that lists the names that are missing,
    unexpected, of another shape, or of another kind of dtype (any floating dtype fits any other).
    """
    _check(tree, arrays)
    return _replace(tree, lambda name: jnp.asarray(arrays[name]))


def differences(tree: Any, arrays: Mapping[str, Any]) -> dict[str, str]:
    """Return what keeps arrays from filling a tree, by name: see `fill_tree`. Empty if they fit.

    - `tree`, `arrays`: of arrays or `jax.ShapeDtypeStruct`s.
    """
    wanted = _named(tree)
    # The names of a foreign file may be many, long, and meant for a terminal.
    found = {name: f"missing {name} {wanted[name].shape}" for name in wanted.keys() - arrays.keys()}
    found |= {name: f"unexpected {ascii(name):.100}" for name in arrays.keys() - wanted.keys()}
    for name in wanted.keys() & arrays.keys():
        a, b = wanted[name], arrays[name]
        if a.shape != b.shape:
            found[name] = f"{name} should be {a.shape}, is {b.shape!s:.100}"
        elif a.dtype != b.dtype and not _are_floating(a.dtype, b.dtype):
            found[name] = f"{name} should be {a.dtype}, is {b.dtype}"
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def save_tree(tree: Any, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a tree's arrays as a safetensors file, atomically. Raises an `OSError` if it cannot."""
    with atomic_file(path) as temporary:
        try:
            safetensors.numpy.save_file(named_arrays(tree), temporary, metadata)
        except safetensors.SafetensorError as error:
            number = re.search(r"\(os error (\d+)\)", str(error))  # the only place that has it
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error


def load_tree(
    tree: T, path: Path, *, dtype: DTypeLike | None = None, sharding: Sharding | None = None
) -> T:
    """Return the tree filled as by `fill_tree`, tensor by tensor, from a safetensors file.

    - `dtype`: of the floating arrays; `None` keeps those of the file.
    - `sharding`: placement of the arrays. Every device reads its own part of the file, so that no
      host holds more than its devices do.

    Names, shapes and dtypes are compared before any tensor is read. Raises a `ValueError` if they
    do not match, if the file is absent or damaged, or if an array cannot be sharded as asked.
    """
    with _opened(path) as file:
        _check(tree, _header(file, path))
        return _replace(tree, lambda name: _load(file, name, dtype, sharding))


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata that `save_tree` was given. Errors: see `load_tree`."""
    with _opened(path) as file:
        return file.metadata() or {}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as start:
            size = int.from_bytes(start.read(8), "little")
        if size > MAX_HEADER_BYTES:
            raise safetensors.SafetensorError(f"a header of {size:,} bytes")
        with safetensors.safe_open(path, framework="numpy") as file:
            yield file
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist.") from None
    except (safetensors.SafetensorError, OSError) as error:
        reason = ascii(str(error))[1:-1]  # it may quote the file
        raise ValueError(f"{path} is damaged or no safetensors file: {reason:.200}.") from error


def _header(file: Any, path: Path) -> dict[str, jax.ShapeDtypeStruct]:
    found = {}
    for name in file.keys():  # noqa: SIM118  # it is no mapping
        tensor = file.get_slice(name)
        if tensor.get_dtype() not in _DTYPES:
            known = ", ".join(_DTYPES)
            raise ValueError(f"{path} holds {tensor.get_dtype()}; what is read is {known}.")
        dtype = jnp.dtype(_DTYPES[tensor.get_dtype()])
        found[name] = jax.ShapeDtypeStruct(tuple(tensor.get_shape()), dtype)
    return found


def _load(file: Any, name: str, dtype: DTypeLike | None, sharding: Sharding | None) -> jax.Array:
    def part(index: tuple[slice, ...] | None) -> np.ndarray:
        array = file.get_slice(name)[index] if index else file.get_tensor(name)
        is_cast = dtype is not None and jnp.issubdtype(array.dtype, jnp.floating)
        return array.astype(dtype) if is_cast else array

    if sharding is None:
        return jnp.asarray(part(None))
    shape = tuple(file.get_slice(name).get_shape())
    return jax.make_array_from_callback(shape, sharding, part)


def _check(tree: Any, got: Mapping[str, Any]) -> None:
    if problems := list(differences(tree, got).values()):
        first, more = problems[:MAX_PROBLEMS], len(problems) - MAX_PROBLEMS
        rest = f"; and {more} more" if more > 0 else ""
        raise ValueError(f"the tensors do not fit: {'; '.join(first)}{rest}.")


def _are_floating(*dtypes: DTypeLike) -> bool:
    return all(jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes)


def _replace(tree: T, load: Callable[[str], jax.Array]) -> T:
    tensors, rest = eqx.partition(tree, _is_tensor)
    values = [load(name) for name in _named(tree)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(tensors), values), rest)
