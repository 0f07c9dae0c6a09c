"""A run that is killed at any moment, again and again, ends with the weights of one that is not."""

import math
import os
import random
import subprocess
import sys
import time

import pytest

from training.runs import checkpoint

from ..tiny import SMALL

KILLS, SAVES, EVERY = 20, 4, 4
STEPS = (KILLS + 5) * SAVES * EVERY  # more than they come to, however fast the machine is
LONGEST = 6  # seconds: about twice what it takes to start
WORDS = [*SMALL, "--steps", str(STEPS), "--eval-every", str(EVERY)]


@pytest.fixture
def start(tmp_path):
    """Starts the command, which is compiled once."""
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def started(run):
        words = [sys.executable, "-m", "training.run", *WORDS, "--resume", "auto", "--out", run]
        return subprocess.Popen(words, env=environment, **pipes)

    return started


def finish(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said


def unfinished(run):
    return set(run.glob("checkpoints/.step-*"))


def kill(process, run, delay, saves):
    """Kill it that many seconds after its start, or as soon as so many saves have begun."""
    old, begun, end = unfinished(run), set(), time.monotonic() + delay
    while time.monotonic() < end and len(begun) < saves:
        assert process.poll() is None, process.communicate()
        begun |= unfinished(run) - old
        time.sleep(1e-3)
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_with_the_same_weights(start, tmp_path):
    """Every other time while it saves a checkpoint, as one is that is not whole."""
    whole, run = tmp_path / "whole", tmp_path / "run"
    finish(start(whole))
    draw, torn, steps = random.Random(0), 0, []
    for number in range(KILLS):
        if number % 2:
            kill(start(run), run, math.inf, draw.randint(1, SAVES))
        else:
            kill(start(run), run, draw.uniform(0, LONGEST), SAVES)
        torn += bool(unfinished(run))
        steps += [int(path.name[5:]) for path in checkpoint.list_checkpoints(run)[-1:]]
    finish(start(run))
    assert steps == sorted(steps) and 0 < steps[-1] < STEPS and torn >= KILLS // 4
    ours, theirs = (folder / "model.safetensors" for folder in (run, whole))
    assert ours.read_bytes() == theirs.read_bytes()
