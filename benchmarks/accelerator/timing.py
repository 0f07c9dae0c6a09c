"""Programs that are compiled side by side, then timed one after another."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.stages import Compiled

from isa_eqx import ISA
from training.config import TrainConfig

from ..forms import Part
from ..measure import Cost, compile_program
from .table import Value, sentence

CALLS, SECONDS = 10, 3.0  # timed calls of a program, fewer where they take longer than this
SIDE_BY_SIDE = 4  # programs that are compiled at once

NOT_COUNTED = "not counted"  # as on a CPU

Compiling = Callable[[], tuple[Compiled, Cost, tuple[Any, ...]]]


@dataclasses.dataclass(frozen=True)
class Timed:
    """What the calls of a program cost.

    - `ms`: the median of a call, or a sentence that says why there is none.
    - `cost`: `None` if it could not be compiled.
    - `peak`: the most memory that the device has held, in GB, or what is known of it.
    """

    ms: Value
    cost: Cost | None = None
    peak: Value = NOT_COUNTED


def compiled(
    part: Part, config: TrainConfig, precision: str | None = None
) -> tuple[Compiled, Cost, tuple[Any, ...]]:
    """Return a part of a model compiled, with its cost and arguments."""
    with jax.default_matmul_precision(precision):
        program = part(config, _of_noise(config))
        return *compile_program(program), program[1]


def _of_noise(config: TrainConfig) -> ISA:
    """Return a model with noise for weights: costs do not depend on them, and making the true ones
    is a program to compile.
    """
    skeleton = eqx.filter_eval_shape(ISA, config.model, key=jr.key(0))
    noise = np.random.default_rng(0).normal
    return jax.tree.map(lambda x: jnp.asarray(noise(0, 0.05, x.shape), x.dtype), skeleton)


def timed_in_turn(compiling: Mapping[str, Compiling]) -> Iterator[tuple[str, Timed]]:
    """Iterate over programs by name, each with what its calls cost.

    They are compiled side by side, which takes the most time of all. None is timed meanwhile, as
    compiling tries variants on the device.
    """
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        started = {name: pool.submit(compile_it) for name, compile_it in compiling.items()}
        wait(started.values())
    for name in list(started):
        try:
            yield name, _timed(*started.pop(name).result())
        except Exception as error:
            yield name, Timed(sentence(error))


def _timed(compiled: Compiled, cost: Cost, arguments: tuple[Any, ...]) -> Timed:
    before, seconds = _peak_bytes(), []
    try:
        jax.block_until_ready(compiled(*arguments))
        while len(seconds) < CALLS and sum(seconds) < SECONDS:
            start = time.perf_counter()
            jax.block_until_ready(compiled(*arguments))
            seconds.append(time.perf_counter() - start)
    except Exception as error:
        return Timed(sentence(error), cost)
    cost, after = dataclasses.replace(cost, seconds=tuple(seconds)), _peak_bytes()
    return Timed(1e3 * statistics.median(seconds), cost, _at_most(before, after))


def _peak_bytes() -> int | None:
    """Return the most memory that the device has held since the program began, if it counts it."""
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def _at_most(before: int | None, after: int | None) -> Value:
    """Return what a program can have held at most, in GB, from the device's peak before and after
    it: nothing resets that.
    """
    if before is None or after is None:
        return NOT_COUNTED
    return after / 1e9 if after > before else f"≤ {after / 1e9:.3g}"
