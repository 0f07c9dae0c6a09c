"""What is learnt does not depend on how many devices learn it, or of how many hosts they are."""

import dataclasses
import itertools
import json
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from training.config import TrainConfig
from training.distributed.devices import make_mesh

from ..conftest import made_once
from ..many_devices import BATCH, HOSTS, MODELS, SEEDS, STEPS

WHOLE = TrainConfig("tetrominoes", "quick", MODELS["cnn"])


def free_port():
    with socket.socket() as line:
        line.bind(("localhost", 0))
        return line.getsockname()[1]


@pytest.fixture(scope="module")
def losses(tetrominoes, tmp_path_factory):
    """Of one process, on one device and on four."""
    made = lambda: printed([str(tetrominoes), "cnn"])[0]  # noqa: E731
    return made_once(tmp_path_factory, "losses", made)


@pytest.fixture(scope="module")
def of_hosts(tetrominoes, tmp_path_factory):
    """Of the ResNet in one process, and of both models on two hosts."""
    place, mirror = f"localhost:{free_port()}", str(tetrominoes)
    hosts = [[mirror, ",".join(MODELS), place, str(host)] for host in range(HOSTS)]
    return made_once(tmp_path_factory, "hosts", lambda: printed([mirror, "resnet"], *hosts))


def printed(*programs):
    """What `tests.many_devices` prints with each of these arguments, at the same time."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.many_devices", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for words in programs
    ]
    said = [process.communicate(timeout=600) for process in started]
    assert all(process.returncode == 0 for process in started), said
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


def assert_learns(losses):
    assert len(losses) == STEPS and np.mean(losses[-5:]) < 0.99 * np.mean(losses[:5])


def test_one_device_and_four_find_the_same_losses(losses):
    """Of whole batches, and in two parts."""
    one, *others = losses["cnn"]
    assert_learns(one)
    assert len(others) == 2
    for four in others:
        np.testing.assert_allclose(four, one, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_two_hosts_of_two_devices_find_the_losses_of_one_device(losses, of_hosts, name):
    resnet, *hosts = of_hosts
    one, *others = (losses if name == "cnn" else resnet)[name]
    assert_learns(one)
    assert hosts[0][name] == hosts[1][name]
    assert len(others) == len(hosts[0][name]) == (2 if name == "cnn" else 1)
    for four in others + hosts[0][name]:
        np.testing.assert_allclose(four, one, rtol=1e-5)


def test_seeds_at_once_on_four_devices_find_the_losses_of_each_alone(losses):
    together, alone = losses["seeds"]
    assert len(together) == len(SEEDS) * STEPS == len(alone)
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize(("place", "what"), [(0, "four, then one"), (1, "one, then four")])
def test_what_was_saved_on_some_devices_goes_on_with_others(losses, place, what):
    found = losses["resumed"][place]
    assert len(found) == STEPS
    np.testing.assert_allclose(found, losses["cnn"][0], rtol=1e-5, err_msg=what)


@pytest.mark.slow
def test_two_hosts_use_every_row_of_a_mirror_once_an_epoch(losses, of_hosts):
    one, *hosts = (found["rows"] for found in (losses, *of_hosts[1:]))
    for epoch in (slice(0, 2), slice(2, 4)):
        used = [row for host in hosts for batch in host[epoch] for row in batch]
        assert len(set(used)) == len(used) == 2 * BATCH
        assert sorted(used) == sorted(itertools.chain(*one[epoch]))


def test_a_batch_that_does_not_divide_is_answered_with_one_that_does(monkeypatch):
    devices = [jax.devices()[0]] * 6
    monkeypatch.setattr("jax.devices", lambda: devices)
    with pytest.raises(ValueError, match="by 6 devices, got 64; 60 or 66 would"):
        make_mesh(WHOLE, 6)
    config = dataclasses.replace(WHOLE, batch_size=64, accumulate=16)
    with pytest.raises(ValueError, match="by 6 devices in 16 parts, got 64; 96 would"):
        make_mesh(config, 6)
    monkeypatch.setattr("jax.process_count", lambda: 2)  # where none may be left out
    with pytest.raises(ValueError, match="by 6 devices, got 64; 60 or 66 would"):
        make_mesh(WHOLE)
    with pytest.raises(ValueError, match="several hosts use all of their devices: leave out --dev"):
        make_mesh(WHOLE, 4)


@pytest.mark.parametrize(
    ("batch", "parts", "used"), [(64, 1, 4), (64, 32, 2), (15, 1, 5), (7, 1, 1)]
)
def test_one_host_uses_as_many_devices_as_divide_a_batch(monkeypatch, batch, parts, used):
    devices = [jax.devices()[0]] * 6
    monkeypatch.setattr("jax.devices", lambda: devices)
    config = dataclasses.replace(WHOLE, batch_size=batch, accumulate=parts)
    assert make_mesh(config).size == used


def test_the_parts_of_a_batch_have_the_same_size():
    with pytest.raises(ValueError, match="accumulate must divide batch_size, got 3 of 64"):
        dataclasses.replace(WHOLE, accumulate=3)
