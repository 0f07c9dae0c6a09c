"""Trains small models on one and on four simulated devices, and prints the losses of every step."""

import dataclasses
import json

import jax
import numpy as np

from isa_eqx import ISAConfig
from training.config import TrainConfig
from training.data import Images, Resize
from training.devices import make_mesh, replicate, split
from training.step import initial_state, train_step

DEVICES, STEPS, BATCH = 4, 50, 8
SMALL = dict(
    image_size=(12, 12), num_slots=2, slot_size=4, num_rounds=1, hidden_size=6,
    encoder_channels=(4, 4), encoder_strides=(2, 1), decoder_channels=(4, 4),
)  # fmt: skip
RESIDUAL = SMALL | dict(
    encoder_channels=(32, 32), encoder_strides=(1, 2), encoder_blocks=(1, 1), decoder_strides=(2, 1)
)
MODELS = {"cnn": ISAConfig(**SMALL), "resnet": ISAConfig(**RESIDUAL)}


def losses(config: TrainConfig, devices: int) -> list[float]:
    """The losses of a run on noise, of which each device has its part."""
    mesh, random = make_mesh(config, devices), np.random.default_rng(0)
    state, found = replicate(initial_state(config), mesh), []
    for _ in range(config.steps):
        pixels = random.integers(0, 256, (BATCH, 12, 12, 3), np.uint8)
        images = split(Images(pixels, Resize((12, 12), (12, 12))), mesh)
        parts = [shard.data.shape[0] for shard in images.pixels.addressable_shards]
        assert parts == [BATCH // devices] * devices
        state, measured = train_step(images, state, config)
        found.append(float(measured["loss"]))
    assert all(len(leaf.sharding.device_set) == devices for leaf in jax.tree.leaves(state))
    return found


if __name__ == "__main__":
    jax.config.update("jax_num_cpu_devices", DEVICES)
    found = {}
    for name, model in MODELS.items():
        whole = TrainConfig(
            "tetrominoes", "quick", model, steps=STEPS, batch_size=BATCH, warmup_steps=5,
            learning_rate=3e-3,
        )  # fmt: skip
        parts = dataclasses.replace(whole, accumulate=2)
        found[name] = [losses(whole, 1), losses(parts, DEVICES)]
        if name == "cnn":
            found[name].append(losses(whole, DEVICES))
    print(json.dumps(found))
