"""What is learnt does not depend on how many devices learn it."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from training.config import TrainConfig
from training.devices import make_mesh

from .many_devices import MODELS, STEPS

WHOLE = TrainConfig("tetrominoes", "quick", MODELS["cnn"])


@pytest.fixture(scope="module")
def losses():
    quiet = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "true"}
    command = [sys.executable, "-m", "tests.many_devices"]
    return json.loads(subprocess.run(command, env=quiet, check=True, stdout=subprocess.PIPE).stdout)


@pytest.mark.parametrize("name", MODELS)
def test_one_device_and_four_find_the_same_losses(losses, name):
    one, *others = losses[name]
    assert len(one) == STEPS and np.mean(one[-5:]) < 0.99 * np.mean(one[:5])
    for other in others:
        np.testing.assert_allclose(other, one, rtol=1e-5)


def test_a_batch_that_does_not_divide_is_answered_with_one_that_does(monkeypatch):
    monkeypatch.setattr("jax.devices", lambda: ["a device"] * 6)
    with pytest.raises(ValueError, match="by 6 devices, got 64; 60 or 66 would"):
        make_mesh(WHOLE)
    config = dataclasses.replace(WHOLE, batch_size=64, accumulate=16)
    with pytest.raises(ValueError, match="by 6 devices in 16 parts, got 64; 96 would"):
        make_mesh(config)


def test_the_parts_of_a_batch_have_the_same_size():
    with pytest.raises(ValueError, match="accumulate must divide batch_size, got 3 of 64"):
        dataclasses.replace(WHOLE, accumulate=3)
