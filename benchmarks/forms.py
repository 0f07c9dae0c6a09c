"""A part of the model in both forms of its attention, and how far they are apart."""

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
    """The model of a recipe, new."""
    return _start(config.model, key=jr.key(0))


def forms(part: Part, config: TrainConfig) -> dict[str, Program]:
    """The part, `fast` and, but for `sa`, `direct`."""
    fast = model(config)
    both = {"fast": part(config, fast)}
    if config.model.variant != "sa":
        both["direct"] = part(config, direct(fast))
    return both


def differences(part: Part, config: TrainConfig) -> dict[str, float]:
    """How far the forms of a part are apart on two images, which returns (values, gradients).

    `largest_difference` is that in float64, and says whether they are one function; the others are
    in the precision of the recipe, where each form rounds in its own way.
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
    """The largest relative difference of two trees of arrays: of each array its largest entry's,
    over the largest entry of the direct one. An array that is zero in exact arithmetic, such as the
    gradient of a bias that a softmax cancels, is held against a typical one.
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
