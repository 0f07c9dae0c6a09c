"""The training step, its parts and inference, each with arguments to call it with."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, UInt8

from isa_eqx import ISA, Frame, coordinates
from training.config import TrainConfig
from training.data import Images, Resize
from training.distributed import make_mesh, replicate, split
from training.objective.loss import loss
from training.step import TrainState, make_optimiser, train_step

from .measure import Program


def images(config: TrainConfig) -> UInt8[Array, "b h w 3"]:
    """Return a batch of noise: the cost does not depend on the images."""
    return jr.bits(jr.key(0), (config.batch_size, *config.model.image_size, 3), jnp.uint8)


def step(config: TrainConfig, model: ISA, devices: int = 1) -> Program:
    """Return a step of training on some devices."""
    optimiser = make_optimiser(config).init(eqx.filter(model, eqx.is_array))
    state = TrainState(model, optimiser, jnp.zeros((), jnp.int32), jnp.uint32(config.seed))
    batch = Images(images(config), Resize(config.model.image_size, config.model.image_size))
    mesh = make_mesh(config, devices)
    arguments = split(batch, mesh), replicate(state, mesh)
    return lambda batch, state: train_step(batch, state, config, mesh), arguments


def gradient(config: TrainConfig, model: ISA) -> Program:
    """Return the loss of a batch with its gradient, as at the end of a run."""

    def batch_loss(model: ISA, floats: Array, keys: PRNGKeyArray) -> Array:
        def one(image: Array, key: PRNGKeyArray) -> Array:
            return loss(model, image, config, jnp.asarray(config.steps), key=key)

        return jax.vmap(one)(floats, keys).mean()

    keys = jr.split(jr.key(1), config.batch_size)
    return jax.value_and_grad(batch_loss), (model, images(config) / 255, keys)


def inference(config: TrainConfig, model: ISA) -> Program:
    """Return the whole model, from images to masks, without gradients."""
    keys = jr.split(jr.key(1), config.batch_size)

    def explain(model: ISA, floats: Array, keys: PRNGKeyArray) -> Any:
        return jax.vmap(lambda image, key: model(image, key=key))(floats, keys)

    return explain, (model, images(config) / 255, keys)


def encoder(config: TrainConfig, model: ISA) -> Program:
    """Return the encoder, with gradients by the weights."""
    there_and_back = _there_and_back(lambda model, image: model.encode(image), 0)
    return there_and_back, (model, images(config) / 255)


def attention(config: TrainConfig, model: ISA) -> Program:
    """Return slot attention, with gradients by weights and features."""
    encode = jax.jit(lambda model, image: model.encode(image))
    features, grid = encode(model, jnp.zeros((*config.model.image_size, 3)))
    features = jr.normal(jr.key(2), (config.batch_size, *features.shape))

    def attend(model: ISA, features: Array, frames: Frame) -> Any:
        return model.attention(features, grid, model.initial_slots, frames, model.layer_dtype)

    return _there_and_back(attend, (0, 1)), (model, features, _frames(config, model))


def decoder(config: TrainConfig, model: ISA) -> Program:
    """Return the decoder as the loss uses it, with gradients by weights, slots and frames."""
    slots = jr.normal(jr.key(3), (config.batch_size, *model.initial_slots.shape))
    grid = coordinates(*config.model.image_size)[: config.loss_pixels]

    def decode(model: ISA, slots: Array, frames: Frame) -> Any:
        if config.loss_pixels is None:
            return model.decode(slots, frames, recompute=config.recompute)
        return model.decode_at(slots, frames, grid)

    return _there_and_back(decode, (0, 1, 2)), (model, slots, _frames(config, model))


def _frames(config: TrainConfig, model: ISA) -> Frame:
    def initial(key: PRNGKeyArray) -> Frame:
        return model.symmetry.initial(config.model.num_slots, jnp.float32, key=key)

    return jax.jit(jax.vmap(initial))(jr.split(jr.key(4), config.batch_size))


def _there_and_back(part: Callable[..., Any], by: int | tuple[int, ...]) -> Callable[..., Any]:
    """Return a part of the model over a batch, with its gradient, as if a loss came next."""

    def total(model: ISA, *inputs: Any) -> tuple[Array, Any]:
        outputs = jax.vmap(part, in_axes=(None, *(0 for _ in inputs)))(model, *inputs)
        sines = [jnp.sin(x).sum() for x in jax.tree.leaves(outputs)]
        return sum(sines, jnp.zeros(())), outputs

    return jax.value_and_grad(total, by, has_aux=True)
