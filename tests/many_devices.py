"""Trains small models on simulated devices, and prints the losses of every step.

In one process, on one device and on four: `python -m tests.many_devices MIRROR cnn,resnet`. On four
that are two hosts' two: `python -m tests.many_devices MIRROR cnn,resnet HOST:PORT HOST`. On four,
batches are whole, and computed in two parts; of the ResNet, which takes long to compile, in parts
alone.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np

from isa_eqx import ISAConfig
from training.config import TrainConfig
from training.data import Images, Place, Resize, stream_batches
from training.data.scenes import shuffled_batches
from training.distributed.devices import all_devices, make_mesh, replicate, split
from training.distributed.hosts import HostOptions, join
from training.ensemble import Ensemble
from training.runs import checkpoint
from training.step import TrainState, initial_state, train_step

DEVICES, HOSTS, STEPS, BATCH, COUNT = 4, 2, 50, 8, 30
SEEDS = (3, 5, 9, 0, 1, 2)  # more than devices, and not a multiple of them
SMALL = dict(
    image_size=(12, 12), num_slots=2, slot_size=4, num_rounds=1, hidden_size=6,
    encoder_channels=(4, 4), encoder_strides=(2, 1), decoder_channels=(4, 4),
)  # fmt: skip
RESIDUAL = SMALL | dict(
    encoder_channels=(32, 32), encoder_strides=(1, 2), encoder_blocks=(1, 1), decoder_strides=(2, 1)
)
MODELS = {"cnn": ISAConfig(**SMALL), "resnet": ISAConfig(**RESIDUAL)}


def losses(config: TrainConfig, *devices: int) -> list[float]:
    """The losses of a run on noise, of which each device has its part.

    - `devices`: their number; if there are several numbers, the run is saved and resumed on them.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 12, 3), np.uint8)
    place = Place(BATCH, host=jax.process_index(), hosts=jax.process_count())
    batches = shuffled_batches(Images(pixels, Resize((12, 12), (12, 12))), place)
    state, found = initial_state(config), []
    for part, count in enumerate(devices):
        mesh = make_mesh(config, count)
        if part:
            state = saved_and_restored(state, config)
        state = replicate(state, mesh)
        for _ in range(config.steps // len(devices)):
            images = split(next(batches), mesh)
            parts = [shard.data.shape[0] for shard in images.pixels.addressable_shards]
            assert parts == [BATCH // count] * min(count, jax.local_device_count())
            state, measured = train_step(images, state, config, mesh)
            found.append(float(measured["loss"]))
        assert all(len(leaf.sharding.device_set) == count for leaf in jax.tree.leaves(state))
    return found


def saved_and_restored(state: TrainState, config: TrainConfig) -> TrainState:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), state, config, 0.0)
        return checkpoint.restore(Path(folder), initial_state(config), config)[0]


def rows(config: TrainConfig, mirror: str) -> list[list[str]]:
    """What this host has of each batch of two epochs of a mirror: a digest of every image."""
    config = dataclasses.replace(config, data=mirror, train_examples=2 * BATCH)
    mesh, found = make_mesh(config), []
    with contextlib.closing(stream_batches(config)) as batches:
        for images in itertools.islice(batches, 4):
            shards = split(images, mesh).pixels.addressable_shards
            pixels = np.concatenate([np.asarray(shard.data) for shard in shards])
            found.append([hashlib.sha256(image.tobytes()).hexdigest() for image in pixels])
    return found


def losses_of_seeds(config: TrainConfig) -> list[list[float]]:
    """The losses of some seeds at once on all devices, and of each alone."""
    states = [initial_state(dataclasses.replace(config, seed=seed)) for seed in SEEDS]
    pixels = np.random.default_rng(0).integers(0, 256, (COUNT, 12, 12, 3), np.uint8)
    images = Images(pixels, Resize((12, 12), (12, 12)))
    one, several = Place(BATCH), Ensemble(states, config, all_devices())
    batches = shuffled_batches(images, one)
    together = [several.step(next(batches)) for _ in range(config.steps)]
    alone = []
    for place, state in enumerate(states):
        batches = shuffled_batches(images, one)
        for _ in range(config.steps):
            state, measured = train_step(next(batches), state, config)
            alone.append(float(measured["loss"]))
        pairs = zip(*map(jax.tree.leaves, (state, several.state(place))), strict=True)
        assert all(np.allclose(a, b, rtol=1e-2, atol=1e-4) for a, b in pairs)
    flat = [float(step[place]["loss"]) for place in range(len(SEEDS)) for step in together]
    return [flat, alone]


def main(mirror: str, names: str, coordinator: str | None = None, host: str | None = None) -> None:
    alone = coordinator is None or host is None
    jax.config.update("jax_num_cpu_devices", DEVICES if alone else DEVICES // HOSTS)
    if not alone:
        join(HostOptions(True, coordinator, HOSTS, int(host)))
    found = {}
    for name in names.split(","):
        whole = TrainConfig(
            "tetrominoes", "quick", MODELS[name], steps=STEPS, batch_size=BATCH, warmup_steps=5,
            learning_rate=1e-3, train_examples=COUNT,
        )  # fmt: skip
        parts = dataclasses.replace(whole, accumulate=2)
        found[name] = [losses(whole, 1)] if alone else []
        if name == "cnn":
            found["rows"] = rows(whole, mirror)
        if alone and name == "cnn":
            found["seeds"] = losses_of_seeds(whole)
            found["resumed"] = [losses(whole, 4, 1), losses(whole, 1, 4)]
        found[name] += [losses(c, DEVICES) for c in ((whole, parts) if name == "cnn" else (parts,))]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
