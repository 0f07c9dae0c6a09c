"""From the parameters of a published model to an `ISA`."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

import hub

from ..architectures import published
from ..config import ISAConfig
from ..config_checks import check_choice
from ..grid import coordinates
from ..model import ISA
from .flax import read_params
from .table import Entry, Shape, entries, grids, variant_of

# What the release calls our architectures and variants.
_DATASETS = {
    "objects_room": "objects_room",
    "clevr": "clevr",
    "clevrtex": "clevrtex_resnet",
    "clevrtex_simplecnn": "clevrtex",
    "msne": "multishapenet_easy",
    "wo": "waymo_open",
}
_VARIANTS = {"sa": "sa", "isa_t": "isa-t", "isa_ts": "isa-ts", "isa_trs": "isa-tsr"}
# By name: architecture, variant, and whether values see relative positions.
_RELEASED = {
    "tetrominoes_sa": ("tetrominoes", "sa", True),
    "tetrominoes_isa_t": ("tetrominoes", "isa-t", True),
    **{f"{d}_{v}": (_DATASETS[d], _VARIANTS[v], True) for d in _DATASETS for v in _VARIANTS},
    **{
        f"{d}_isa_ts_v2": (_DATASETS[d], "isa-ts", False)
        for d in ("clevr", "clevrtex", "msne", "wo")
    },
}
NAMES = tuple(_RELEASED)


def architecture(name: str) -> str:
    """Return the name of a released model's architecture, see `isa_eqx.published`.

    Raises a `ValueError` unless in `NAMES`.
    """
    check_choice("published model", name, NAMES)
    return _RELEASED[name][0]


def config(name: str) -> ISAConfig:
    """Return the configuration of a released model. Raises a `ValueError` unless in `NAMES`."""
    check_choice("published model", name, NAMES)
    _, variant, relative_values = _RELEASED[name]
    model = published(architecture(name), variant, relative_values=relative_values)
    learnt_grid = bool(model.encoder_blocks) and variant in ("isa-ts", "isa-tsr")
    return dataclasses.replace(model, learnt_grid=learnt_grid)


def load(path: str | Path, name: str) -> ISA:
    """Read a checkpoint of the release: `load("ckpt-0.flax", "clevr_isa_ts")`.

    - `name`: of its folder, one of `NAMES`; the file does not say which model it is.

    Raises a `ValueError` if the file cannot be read, and those of `from_params`.
    """
    check_choice("published model", name, NAMES)
    params = read_params(path)
    try:
        return from_params(params, name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def from_params(params: Mapping[str, Float[Array | np.ndarray, "..."]], name: str) -> ISA:
    """Return an `ISA` with the parameters of a published model, in their precision.

    The function can be differentiated, for gradients by published path.

    - `params`: by published path, e.g. `"FrameEncoder_0/SimpleCNN_0/conv_simple_0/kernel"`, as
      `flax.traverse_util.flatten_dict(…, sep="/")` writes them. Coordinate grids, which Flax kept
      among the parameters, are optional.
    - `name`: one of `NAMES`.

    Raises a `ValueError` that lists every entry that is missing, unexpected or of another shape,
    and if a coordinate grid is not one.
    """
    model = config(name)
    skeleton = eqx.filter_eval_shape(ISA, model, key=jax.random.key(0))
    shapes, table = hub.named_shapes(skeleton), list(entries(model))
    _check(params, name, table, shapes, grids(model))
    arrays = {
        entry.ours: entry.layout.convert(*(jnp.asarray(params[path]) for path in entry.published))
        for entry in table
    }
    return hub.fill_tree(skeleton, arrays)


def _check(
    params: Mapping[str, Float[Array | np.ndarray, "..."]],
    name: str,
    table: list[Entry],
    shapes: Mapping[str, Shape],
    places: Mapping[str, tuple[int, int]],
) -> None:
    wanted = {path: e.layout.shape(shapes[e.ours]) for e in table for path in e.published}
    allowed = wanted | {path: (1, *size, 2) for path, size in places.items()}
    problems = [f"missing {path} {wanted[path]}" for path in wanted.keys() - params.keys()]
    problems += [f"unexpected {path}" for path in params.keys() - allowed.keys()]
    problems += [
        f"{path} should be {allowed[path]}, is {params[path].shape}"
        for path in allowed.keys() & params.keys()
        if allowed[path] != params[path].shape
    ]
    if not problems:
        problems = [
            f"{path} should be a coordinate grid from -1 to 1"
            for path, size in places.items()
            if path in params
            and not isinstance(params[path], Tracer)
            and not np.allclose(params[path].reshape(-1, 2), coordinates(*size), atol=1e-6)
        ]
    if problems:
        kind = variant_of(params)
        other = f", but of a model {kind}" if kind and kind != config(name).variant else ""
        listed = "\n  ".join(sorted(problems))
        raise ValueError(f"these are not the parameters of {name}{other}:\n  {listed}")
