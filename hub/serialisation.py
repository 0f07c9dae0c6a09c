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
from .common.lfs import check_is_here

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


def named_leaves(tree: Any) -> dict[str, Any]:
    """Return the arrays of a tree, or `jax.ShapeDtypeStruct`s, by path, left where they are.

    Raises a `ValueError` if two have the same path.
    """
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_tensor))
    named: dict[str, Any] = {}
    for path, leaf in leaves:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if name in named:  # a key with a dot in it
            raise ValueError(f"two arrays of the tree are called {name}; rename one.")
        named[name] = leaf
    return named


def named_arrays(tree: Any) -> dict[str, np.ndarray]:
    """Return the arrays of a tree by path: `{"encoder.layers.0.weight": array, …}`."""
    return {name: np.asarray(leaf, order="C") for name, leaf in named_leaves(tree).items()}


def named_shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a tree's arrays, or `jax.ShapeDtypeStruct`s, by path."""
    return {name: leaf.shape for name, leaf in named_leaves(tree).items()}


def fill_tree(tree: T, arrays: Mapping[str, np.ndarray | jax.Array]) -> T:
    """Return the tree with every array, or `jax.ShapeDtypeStruct`, replaced by that of its name.

    The new arrays keep their dtypes. Raises a `ValueError` that lists the names that are missing,
    unexpected, of another shape, or of another kind of dtype (any floating dtype fits any other).
    """
    check_fit(tree, arrays)
    return _replace(tree, lambda name: jnp.asarray(arrays[name]))


def differences(tree: Any, arrays: Mapping[str, Any]) -> dict[str, str]:
    """Return what keeps arrays from filling a tree, by name: see `fill_tree`. Empty if they fit.

    - `tree`, `arrays`: of arrays or `jax.ShapeDtypeStruct`s.
    """
    wanted = named_leaves(tree)
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
    """Write a tree's arrays as a safetensors file, atomically.

    Raises a `ValueError`, before anything is written, if the tree has no arrays, or one that
    `load_tree` would not return; an `OSError` if it cannot be written, as to a full disk.
    """
    _check_saveable(tree)
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
        check_fit(tree, _header(file, path))
        return _replace(tree, lambda name: _load(file, name, dtype, sharding))


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata that `save_tree` was given. Errors: see `load_tree`."""
    with _opened(path) as file:
        return file.metadata() or {}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    check_is_here(path)
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


def _check_saveable(tree: Any) -> None:
    leaves = named_leaves(tree)
    if not leaves:
        raise ValueError(
            "there are no arrays in this tree: of the two that eqx.partition returns, the other "
            "one has them."
        )
    for name, leaf in leaves.items():
        if isinstance(leaf, jax.ShapeDtypeStruct):
            raise ValueError(f"{name} is only a shape, {leaf.shape}: save the tree it stands for.")
        if leaf.dtype.name not in _DTYPES.values():
            raise ValueError(f"{name} is {leaf.dtype}; what is saved is {', '.join(_DTYPES)}.")


def check_fit(tree: Any, got: Mapping[str, Any]) -> None:
    """Raise a `ValueError` that lists the `differences` of a tree and arrays, if there are any."""
    if problems := list(differences(tree, got).values()):
        first, more = problems[:MAX_PROBLEMS], len(problems) - MAX_PROBLEMS
        rest = f"; and {more} more" if more > 0 else ""
        raise ValueError(f"the tensors do not fit: {'; '.join(first)}{rest}.")


def _are_floating(*dtypes: DTypeLike) -> bool:
    return all(jnp.issubdtype(dtype, jnp.floating) for dtype in dtypes)


def _replace(tree: T, load: Callable[[str], jax.Array]) -> T:
    tensors, rest = eqx.partition(tree, _is_tensor)
    values = [load(name) for name in named_leaves(tree)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(tensors), values), rest)
