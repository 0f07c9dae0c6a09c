"""What compiled programs cost on the device: products, steps, memory, attention, inference."""

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import jax

from training.config import TrainConfig
from training.presets import preset

from .. import parts
from ..forms import Part, forms, model
from ..measure import Cost, compile_program, costs, peak
from .recipes import Recipe, in_bfloat16, recipes, shrink
from .table import Measured, Row, Section, sentence

CALLS, SECONDS = 10, 3.0  # timed calls of a program, fewer where they take longer than this
SIDE_BY_SIDE = 4  # programs that are compiled at once
FORMS = "tetrominoes", "clevr"  # whose attention is measured, as isa-t and isa-tsr

Compiling = Callable[[], tuple[Any, Cost, tuple[Any, ...]]]


def products() -> Section:
    """Return the rates of large matrix products, which steps can be held against."""

    def rate(dtype: str, precision: str | None) -> Measured:
        with jax.default_matmul_precision(precision) if precision else contextlib.nullcontext():
            yield "TFLOP/s", peak(dtype) / 1e3

    kinds = {"float32": ("float32", None), "float32, highest": ("float32", "highest")}
    kinds |= {"bfloat16": ("bfloat16", None)}
    rows = [Row(name, partial(rate, *kind)) for name, kind in kinds.items()]
    about = "The fastest of ten. `float32` is as JAX has it, on a GPU with TF32; `highest` without."
    return Section("Matrix products", about, ("TFLOP/s",), rows)


def steps(trial: bool) -> Section:
    """Return the times of a training step, of published and of quick recipes."""

    def measure(recipe: Recipe) -> Measured:
        config, lower = recipe.config, in_bfloat16(recipe.config)
        compiling = {
            "float32": partial(_compiled, parts.step, config),
            "highest": partial(_compiled, parts.step, config, "highest"),
            "bfloat16": partial(_compiled, parts.step, lower),
        }
        for name, found in _timed_in_turn(compiling):
            if isinstance(found, str):
                yield f"{name}, ms", found
                continue
            cost, _ = found
            assert cost.median is not None
            yield f"{name}, ms", 1e3 * cost.median
            if name != "highest":
                yield f"{name}, TFLOP/s", cost.gigaflops / cost.median / 1e3

    columns = "float32, ms", "highest, ms", "bfloat16, ms", "float32, TFLOP/s", "bfloat16, TFLOP/s"
    about = (
        "A step of training, gradient and optimiser included: median of up to ten calls. In float32 "
        "as JAX has it, on a GPU with TF32; with `jax.default_matmul_precision('highest')`; with "
        "`--dtype bfloat16`. Operations are those of matrix products and convolutions."
    )
    rows = [
        Row(recipe.name, partial(measure, recipe))
        for recipe in recipes("paper", "paper-resnet", "quick", trial=trial)
    ]
    return Section("Steps", about, columns, rows)


def memory(trial: bool) -> Section:
    """Return time and memory of the published recipes' steps, with and without `recompute`."""

    def measure(recipe: Recipe) -> Measured:
        compiling = {
            name: partial(
                _compiled, parts.step, dataclasses.replace(recipe.config, recompute=recompute)
            )
            for name, recompute in (("recomputes", True), ("keeps all", False))
        }
        for name, found in _timed_in_turn(compiling):
            if isinstance(found, str):
                yield f"{name}, ms", found
                continue
            cost, most = found
            assert cost.median is not None
            yield f"{name}, ms", 1e3 * cost.median
            yield f"{name}, GB planned", cost.temporary_bytes / 1e9
            yield f"{name}, GB at most", most

    columns = tuple(
        f"{name}, {what}"
        for name in ("recomputes", "keeps all")
        for what in ("ms", "GB planned", "GB at most")
    )
    about = (
        "The decoder computes the layers of one slot at a time and again (`--recompute True`), or "
        "keeps all. Planned are the compiler's temporary arrays. At most is the peak of the device "
        "while it ran, with ≤ where the device had held more before."
    )
    rows = [
        Row(recipe.name, partial(measure, recipe))
        for recipe in recipes("paper", "paper-resnet", trial=trial)
    ]
    return Section("Memory", about, columns, rows)


def attention(trial: bool) -> Section:
    """Return what slot attention costs in its fast form and in the published, direct one."""

    def measure(config: TrainConfig) -> Measured:
        found = costs(forms(parts.attention, config), CALLS)
        fast, direct = found["fast"], found["direct"]
        assert fast.median is not None and direct.median is not None
        yield "fast, ms", 1e3 * fast.median
        yield "direct, ms", 1e3 * direct.median
        yield "times as fast", direct.median / fast.median
        yield "fast, GB", fast.temporary_bytes / 1e9
        yield "direct, GB", direct.temporary_bytes / 1e9

    columns = "fast, ms", "direct, ms", "times as fast", "fast, GB", "direct, GB"
    about = "All rounds of attention, from features to slots and back, in float32."
    configs = [preset(name, variant) for name in FORMS for variant in ("isa-t", "isa-tsr")]
    rows = [
        Row(
            f"{config.dataset}: {config.model.variant}",
            partial(measure, shrink(config) if trial else config),
        )
        for config in configs
    ]
    return Section("Attention", about, columns, rows)


def inference(trial: bool) -> Section:
    """Return how many images a second a model explains."""

    def measure(recipe: Recipe) -> Measured:
        config = recipe.config
        compiling = {
            "one image, ms": partial(
                _compiled, parts.inference, dataclasses.replace(config, batch_size=1)
            ),
            "float32, images/s": partial(_compiled, parts.inference, config),
            "bfloat16, images/s": partial(_compiled, parts.inference, in_bfloat16(config)),
        }
        for name, found in _timed_in_turn(compiling):
            if isinstance(found, str):
                yield name, found
                continue
            seconds = found[0].median
            assert seconds is not None
            yield name, 1e3 * seconds if name == "one image, ms" else config.batch_size / seconds

    columns = "one image, ms", "float32, images/s", "bfloat16, images/s"
    about = (
        "From images on the device to slots, masks and reconstruction; one at a time, in batches."
    )
    rows = [
        Row(recipe.name, partial(measure, recipe))
        for recipe in recipes("paper", "paper-resnet", "quick", trial=trial)
    ]
    return Section("Inference", about, columns, rows)


def _compiled(part: Part, config: TrainConfig, precision: str | None = None) -> tuple[Any, ...]:
    """Return a part of a model compiled, with its cost and arguments."""
    with jax.default_matmul_precision(precision) if precision else contextlib.nullcontext():
        program = part(config, model(config))
        return *compile_program(program), program[1]


def _timed_in_turn(
    compiling: Mapping[str, Compiling],
) -> Iterator[tuple[str, tuple[Cost, str | float] | str]]:
    """Iterate over programs by name: each with its cost and the device's peak of memory in GB, or
    with a sentence on its error.

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
            yield name, sentence(error)


def _timed(compiled: Any, cost: Cost, arguments: tuple[Any, ...]) -> tuple[Cost, str | float]:
    before, seconds = _peak_bytes(), []
    jax.block_until_ready(compiled(*arguments))
    while len(seconds) < CALLS and sum(seconds) < SECONDS:
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - start)
    after = _peak_bytes()
    most: str | float = "not counted"
    if after is not None and before is not None:
        most = after / 1e9 if after > before else f"≤ {after / 1e9:.3g}"
    return dataclasses.replace(cost, seconds=tuple(seconds)), most


def _peak_bytes() -> int | None:
    """Return the most memory that the device has held since the program began, if it counts it."""
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
