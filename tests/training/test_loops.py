"""Loops over slots, and over parts of a batch: they save memory, and may not cost time.

On a CPU most convolutions in a loop take XLA's slowest form (jax-ml/jax#12868).
"""

import dataclasses
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.data import Images, Resize
from training.presets import preset
from training.presets.recipes import PRESETS
from training.step import draw_state, train_step

from ..tiny import WHOLE, as_variant

BATCH = 2
FEWER = dict(num_slots=2, num_rounds=1)  # so that programs are short
EASY = ("clevr", "quick"), ("clevr", "paper")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [pytest.param(*p, marks=() if p in EASY else pytest.mark.slow) for p in PRESETS],
)
def test_a_step_has_only_fast_convolutions_in_loops(dataset, name):
    """Those of a decoder that recomputes."""
    config = preset(dataset, name=name, batch_size=BATCH, **FEWER)
    config = dataclasses.replace(config, accumulate=BATCH)
    found = in_loops(" convolution(", program_of(config))
    assert bool(found) == (config.recompute and bool(config.model.decoder_strides))
    assert not [line for line in found if not is_fast(line)]


@pytest.mark.parametrize(
    ("size", "wide", "share"),
    [
        (35, dict(decoder_channels=(64, 64, 64)), 1 / 3),
        (32, dict(decoder_channels=(32, 32, 32), decoder_strides=(1, 1, 1)), 1 / 2),
    ],
    ids=["pixels", "convolutions"],
)
def test_a_recipe_that_recomputes_holds_the_layers_of_one_slot(size, wide, share):
    """Of five. That it learns the same is tested on the model."""
    wide |= dict(num_slots=5, num_rounds=1, image_size=(size, size))
    config = as_variant(WHOLE, "sa", **wide)
    some, whole = (memory(dataclasses.replace(config, recompute=both)) for both in (True, False))
    assert some < share * whole


def test_parts_of_a_batch_are_held_one_at_a_time():
    """Of two: two thirds of the memory at most. That they learn the same: test_devices."""
    config = preset("tetrominoes", name="quick", variant="sa", batch_size=8, **FEWER)
    some, whole = (memory(dataclasses.replace(config, accumulate=parts)) for parts in (2, 1))
    assert some < 2 / 3 * whole


def memory(config):
    """Bytes of what a step computes on the way."""
    return step_of(config).compile().memory_analysis().temp_size_in_bytes


def program_of(config):
    """A step as XLA gets it, before it is compiled: what is a loop then, stays one."""
    return step_of(config).compiler_ir("hlo").as_hlo_text()


def step_of(config):
    size = config.model.image_size
    images = Images(np.zeros((config.batch_size, *size, 3), np.uint8), Resize(size, size))
    state = eqx.filter_eval_shape(draw_state, config, jnp.uint32(0))
    arrays, rest = eqx.partition(state, lambda x: isinstance(x, jax.ShapeDtypeStruct))
    return jax.jit(lambda arrays: train_step(images, eqx.combine(arrays, rest), config)).lower(
        arrays
    )


def is_fast(convolution):
    """Whether XLA's CPU backend has it compute in tiles, by Eigen, and not number by number."""
    layout = re.search(r"dim_labels=(\S+?),?(?: |$)", convolution).group(1)
    return layout == "b01f_01io->b01f" and not re.search("hs_dilate|reversal|_count", convolution)


def in_loops(operation, program):
    """The lines with an operation in the computations of loops, and in those that they call."""
    bodies = dict(re.findall(r"^(?:ENTRY )?%?([\w.\-]+)[^\n=]* \{\n(.*?)^\}", program, re.M | re.S))
    assert len(bodies) > 1
    calls = {
        name: set(re.findall(r"(?:to_apply|body|condition|calls)=%?([\w.\-]+)", body))
        for name, body in bodies.items()
    }
    loops = {name for body in bodies.values() for name in re.findall(r"body=%?([\w.\-]+)", body)}
    assert loops
    reached, ahead = set(), loops
    while ahead:
        reached |= ahead
        ahead = set().union(*(calls[name] for name in ahead)) - reached
    return [line for name in reached for line in bodies[name].splitlines() if operation in line]
