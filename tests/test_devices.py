"""What is learnt does not depend on how many devices learn it, or of how many hosts they are."""

import dataclasses
import itertools
import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from training.config import TrainConfig
from training.devices import make_mesh

from .conftest import made_once
from .many_devices import BATCH, HOSTS, MODELS, SEEDS, STEPS

WHOLE = TrainConfig("tetrominoes", "quick", MODELS["cnn"])


def free_port():
    with socket.socket() as line:
        line.bind(("localhost", 0))
        return line.getsockname()[1]


@pytest.fixture(scope="module")
def losses(tetrominoes, tmp_path_factory):
    """Of one process, and of two hosts."""
    return made_once(tmp_path_factory, "losses", lambda: printed(str(tetrominoes)))


def printed(mirror):
    quiet = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "true"}
    command = [sys.executable, "-m", "tests.many_devices", mirror]
    place = f"localhost:{free_port()}"
    hosts = [[*command, place, str(host)] for host in range(HOSTS)]
    started = [
        subprocess.Popen(words, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for words in [command, *hosts]
    ]
    said = [process.communicate(timeout=600) for process in started]
    assert all(process.returncode == 0 for process in started), said
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


@pytest.mark.parametrize("name", MODELS)
def test_one_device_and_four_of_one_or_two_hosts_find_the_same_losses(losses, name):
    (one, *others), *hosts = (found[name] for found in losses)
    assert len(one) == STEPS and np.mean(one[-5:]) < 0.99 * np.mean(one[:5])
    assert hosts[0] == hosts[1]
    assert len(others) == len(hosts[0]) == (2 if name == "cnn" else 1)
    for four in others + hosts[0]:
        np.testing.assert_allclose(four, one, rtol=1e-5)


def test_seeds_at_once_on_four_devices_find_the_losses_of_each_alone(losses):
    together, alone = losses[0]["seeds"]
    assert len(together) == len(SEEDS) * STEPS == len(alone)
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize(("place", "what"), [(0, "four, then one"), (1, "one, then four")])
def test_what_was_saved_on_some_devices_goes_on_with_others(losses, place, what):
    found = losses[0]["resumed"][place]
    assert len(found) == STEPS
    np.testing.assert_allclose(found, losses[0]["cnn"][0], rtol=1e-5, err_msg=what)


def test_two_hosts_use_every_row_of_a_mirror_once_an_epoch(losses):
    one, *hosts = (found["rows"] for found in losses)
    for epoch in (slice(0, 2), slice(2, 4)):
        used = [row for host in hosts for batch in host[epoch] for row in batch]
        assert len(set(used)) == len(used) == 2 * BATCH
        assert sorted(used) == sorted(itertools.chain(*one[epoch]))


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
