"""Small recipes that train in seconds, and what tests ask of the states that they lead to."""

import dataclasses
import shlex

import jax
import jax.numpy as jnp

from isa_eqx import ISAConfig
from training.config import TrainConfig
from training.data import Place
from training.data.scenes import shuffled_batches
from training.step import train_step

TINY = TrainConfig(
    dataset="tetrominoes",
    preset="tiny",
    model=ISAConfig(
        slot_size=8,
        hidden_size=8,
        encoder_channels=(4,),
        encoder_strides=(5,),
        decoder_channels=(8,),
    ),
    steps=20,
    batch_size=3,
    train_examples=10,
    warmup_steps=2,
    loss_pixels=40,
)
WHOLE = dataclasses.replace(TINY, loss_pixels=None)
ZERO = jnp.asarray(0)
# Another, as options of `training.run`.
SMALL = shlex.split(
    "--dataset tetrominoes --preset quick --batch-size 2 --train-examples 16 --num-rounds 1 "
    "--slot-size 8 --hidden-size 8 --encoder-channels 4 --encoder-strides 5 --decoder-channels 8 "
    "--loss-pixels 40 --steps 6 --eval-every 3"
)


def as_variant(config, variant, **changes):
    return dataclasses.replace(
        config, model=dataclasses.replace(config.model, variant=variant, **changes)
    )


def batch(config, scenes, step):
    return next(shuffled_batches(scenes.images, Place(config.batch_size, step, config.seed)))


def advance(state, steps, scenes):
    for step in range(int(state.step), int(state.step) + steps):
        state, measured = train_step(batch(TINY, scenes, step), state, TINY)
    return state, measured


def equal(a, b):
    return all(bool((x == y).all()) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))
