"""The training loss of an image and of a batch."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from isa_eqx import ISA

from ..config import TrainConfig
from ..data import Batch
from .sampling import importance, sample_pixels
from .terms import idle_slot, mixing, ownership, shading

OWNERSHIP_START = 0.45  # of all steps; until then slots only learn to tell objects apart


def batch_loss(
    model: ISA,
    batch: Batch,
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    keys: Key[Array, " b"],
) -> Float[Array, ""]:
    """Return the mean loss of a batch.

    - `batch`: images, or their features where slots explain these.
    - `keys`: one of each image, for its random initial frames and pixels.
    """
    each = jax.vmap(lambda target, key: loss(model, target, config, step, key=key))
    return each(batch.floats(), keys).mean()


def loss(
    model: ISA,
    target: Float[Array, "h w c"],
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    key: PRNGKeyArray,
) -> Float[Array, ""]:
    """Return the loss of an image: Σ over h, w, 3 of (reconstruction - image)².

    Of features it is the mean over patches and channels (Seitzer et al. 2023), not the sum. With
    `config.loss_pixels` it is an unbiased estimate from sampled pixels: of an image by its
    contrast, of features uniformly. Added are `mixing`, times `config.mixing`, `shading`, times
    `config.shading`, and `ownership`, times `config.ownership`, from `OWNERSHIP_START` of the run
    on, since objects must be found first.

    - `target`: what slots explain: an image, or its features.
    """
    frame_key, pixel_key = jr.split(key)
    slots, frames, attention = model.attend_to(
        target, key=frame_key, gradient_scale=config.gradient_scale
    )
    channels = target.shape[-1]
    wanted, is_image = target.reshape(-1, channels), config.model.target == "colours"
    if config.loss_pixels is None:
        painted = model.decode(slots, frames, recompute=config.recompute).painted
        colours = painted.values.reshape(len(slots), -1, channels)
        logits = painted.mask_logits.reshape(len(slots), -1)
        weights = jnp.ones(len(wanted), target.dtype)
    else:
        even = jnp.full(len(wanted), 1 / len(wanted), target.dtype)
        probability = importance(target) if is_image else even
        chosen, weights = sample_pixels(probability, config.loss_pixels, key=pixel_key)
        wanted, grid = wanted[chosen], model.decoder.grid(target.dtype)[chosen]
        colours, logits = model.decode_at(slots, frames, grid)
    if not is_image:
        weights /= target.size
    masks = jax.nn.softmax(logits, axis=0)
    reconstruction = (masks[..., None] * colours).sum(axis=0)
    error = jnp.square(reconstruction - wanted).sum(axis=-1)
    if config.mixing:
        error = error + config.mixing * mixing(colours, masks)
    if config.shading:
        error = error + config.shading * shading(colours, masks, weights)
    if config.ownership:
        objects_first = math.ceil(OWNERSHIP_START * config.steps)
        share = jnp.where(step < objects_first, 0, config.ownership)
        grid = model.encoder.grid(*config.model.feature_size, target.dtype)
        owner = idle_slot(attention, grid)
        error = error + share * ownership(colours, logits, wanted, owner)
    return (weights * error).sum()
