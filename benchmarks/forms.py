"""A part of the model in both forms of its attention, and their difference."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from isa_eqx import ISA
from tests.direct import direct
from training.config import TrainConfig

from .measure import Program

Part = Callable[[TrainConfig, ISA], Program]


_start = eqx.filter_jit(ISA)


def model(config: TrainConfig) -> ISA:
    """Make the model of a recipe."""
    return _start(config.model, key=jr.key(0))


def forms(part: Part, config: TrainConfig) -> dict[str, Program]:
    """Return the part in its forms, `fast` and, except for `sa`, `direct`."""
    fast = model(config)
    both = {"fast": part(config, fast)}
    if config.model.variant != "sa":
        both["direct"] = part(config, direct(fast))
    return both


def differences(part: Part, config: TrainConfig) -> dict[str, float]:
    """Return the differences between the forms of a part on two images.

    The one in float64, `largest_difference`, says whether the forms are the same function. Those of
    values and of gradients are in the precision of the recipe, where the forms round differently.
    """
    config = dataclasses.replace(config, batch_size=2)
    full = dataclasses.replace(config, model=dataclasses.replace(config.model, dtype="float32"))
    with jax.enable_x64(True):
        exact = [_called(program, np.float64) for program in forms(part, full).values()]
    values, gradients = zip(
        *(_called(program, np.float32) for program in forms(part, config).values()), strict=True
    )
    return dict(
        largest_difference=largest_difference(*exact),
        difference_of_values=largest_difference(*values),
        difference_of_gradients=largest_difference(*gradients),
    )


def largest_difference(fast: Any, direct: Any) -> float:
    """Return the largest relative difference of two trees of arrays.

    For each array it is the largest difference of an entry over the largest entry of the direct
    form. An array that is zero in exact arithmetic, such as the gradient of a bias that a softmax
    cancels, is compared to a typical array.
    """
    pairs = [
        (np.asarray(one, np.float64), np.asarray(other, np.float64))
        for one, other in zip(jax.tree.leaves(fast), jax.tree.leaves(direct), strict=True)
    ]
    sizes = [np.abs(other).max() for _, other in pairs]
    typical = np.median(sizes)
    return float(
        max(
            np.abs(one - other).max() / (size if size > 1e-4 * typical else typical)
            for (one, other), size in zip(pairs, sizes, strict=True)
        )
    )


def _called(program: Program, dtype: type) -> Any:
    function, arguments = program
    return jax.jit(function)(
        *jax.tree.map(
            lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x,
            arguments,
        )
    )
