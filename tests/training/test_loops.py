"""No convolution is in a loop of a program for a CPU, where XLA has only its slowest form of it."""

import re

import equinox as eqx
import jax
import numpy as np
import pytest

from training.data import Images, Resize
from training.presets import preset
from training.presets.recipes import PRESETS
from training.step import initial_state, train_step

BATCH = 2
FEWER = dict(num_slots=2, num_rounds=1)  # so that programs are short
EASY = ("clevr", "quick"), ("clevr", "paper")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [pytest.param(*p, marks=() if p in EASY else pytest.mark.slow) for p in PRESETS],
)
def test_a_step_in_parts_has_no_convolution_in_a_loop(dataset, name):
    config = preset(dataset, name=name, batch_size=BATCH, accumulate=BATCH, **FEWER)
    assert not in_loops("convolution", step_of(config))


def step_of(config):
    """A step as XLA gets it, before it is compiled: what is a loop then, stays one."""
    size = config.model.image_size
    images = Images(np.zeros((BATCH, *size, 3), np.uint8), Resize(size, size))
    state = eqx.filter_eval_shape(initial_state, config)
    arrays, rest = eqx.partition(state, lambda x: isinstance(x, jax.ShapeDtypeStruct))
    step = jax.jit(lambda arrays: train_step(images, eqx.combine(arrays, rest), config))
    return step.lower(arrays).compiler_ir("hlo").as_hlo_text()


def in_loops(operation, program):
    """The names of the loops' computations that use an operation, or call one that does."""
    bodies = dict(re.findall(r"^(?:ENTRY )?%?([\w.\-]+)[^\n=]* \{\n(.*?)^\}", program, re.M | re.S))
    assert len(bodies) > 1
    calls = {
        name: set(re.findall(r"(?:to_apply|body|condition|calls)=%?([\w.\-]+)", body))
        for name, body in bodies.items()
    }

    def reached(name, seen):
        seen.add(name)
        for other in calls[name] - seen:
            reached(other, seen)
        return seen

    loops = {name for body in bodies.values() for name in re.findall(r"body=%?([\w.\-]+)", body)}
    assert loops
    return {
        name for loop in loops for name in reached(loop, set()) if f" {operation}(" in bodies[name]
    }
