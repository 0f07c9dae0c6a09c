"""What compiled programs cost on the device: products, steps, memory, attention, inference."""

import dataclasses
from functools import partial

import jax

from training.config import TrainConfig
from training.presets import preset

from .. import parts
from ..forms import forms
from ..measure import costs, peak
from .recipes import Recipe, in_bfloat16, recipes, shrink
from .table import Measured, Row, Section
from .timing import CALLS, compiled, timed_in_turn

OF_FORMS = "tetrominoes", "clevr"  # whose attention is measured, as isa-t and isa-tsr


def products() -> Section:
    """Return the rates of large matrix products, which steps can be held against."""

    def rate(dtype: str, precision: str | None) -> Measured:
        with jax.default_matmul_precision(precision):
            gigaflops = peak(dtype)
        yield "TFLOP/s", gigaflops / 1e3

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
            "float32": partial(compiled, parts.step, config),
            "highest": partial(compiled, parts.step, config, "highest"),
            "bfloat16": partial(compiled, parts.step, lower),
        }
        for name, found in timed_in_turn(compiling):
            yield f"{name}, ms", found.ms
            if name != "highest" and found.cost and found.cost.median:
                yield f"{name}, TFLOP/s", found.cost.gigaflops / found.cost.median / 1e3

    columns = "float32, ms", "highest, ms", "bfloat16, ms", "float32, TFLOP/s", "bfloat16, TFLOP/s"
    about = (
        "A step of training, optimiser included: the median of up to ten. In float32 as JAX has "
        "it, on a GPU with TF32; at `jax.default_matmul_precision('highest')`, without; with "
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
                compiled, parts.step, dataclasses.replace(recipe.config, recompute=recompute)
            )
            for name, recompute in (("recomputes", True), ("keeps all", False))
        }
        for name, found in timed_in_turn(compiling):
            yield f"{name}, ms", found.ms
            if found.cost:
                yield f"{name}, GB planned", found.cost.temporary_bytes / 1e9
                yield f"{name}, GB at most", found.peak

    columns = tuple(
        f"{name}, {what}"
        for name in ("recomputes", "keeps all")
        for what in ("ms", "GB planned", "GB at most")
    )
    about = (
        "The decoder computes one slot's layers at a time, and again for the gradient "
        "(`--recompute True`), or keeps those of all. Planned are the compiler's temporary arrays. "
        "At most is the peak of all that the device held, with ≤ where it had held more before."
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
    configs = [preset(name, variant) for name in OF_FORMS for variant in ("isa-t", "isa-tsr")]
    rows = [
        Row(
            f"{config.dataset}: {config.model.variant}",
            partial(measure, shrink(config) if trial else config),
        )
        for config in (configs[:1] if trial else configs)
    ]
    return Section("Attention", about, columns, rows)


def inference(trial: bool) -> Section:
    """Return how many images a second a model explains."""

    def measure(recipe: Recipe) -> Measured:
        config = recipe.config
        compiling = {
            "one image, ms": partial(
                compiled, parts.inference, dataclasses.replace(config, batch_size=1)
            ),
            "float32, images/s": partial(compiled, parts.inference, config),
            "bfloat16, images/s": partial(compiled, parts.inference, in_bfloat16(config)),
        }
        for name, found in timed_in_turn(compiling):
            if name == "one image, ms" or isinstance(found.ms, str):
                yield name, found.ms
            else:
                yield name, 1e3 * config.batch_size / found.ms

    columns = "one image, ms", "float32, images/s", "bfloat16, images/s"
    about = (
        "From images on the device to slots, masks and reconstruction; one at a time, in batches."
    )
    rows = [
        Row(recipe.name, partial(measure, recipe))
        for recipe in recipes("paper", "paper-resnet", "quick", trial=trial)
    ]
    return Section("Inference", about, columns, rows)
