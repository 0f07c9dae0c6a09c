"""The training loss of an image and of a batch."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from isa_eqx import ISA, coordinates

from ..config import TrainConfig
from ..data import Images
from .sampling import importance, sample_pixels
from .terms import idle_slot, mixing, ownership, shading

OWNERSHIP_START = 0.45  # of all steps; until then slots only learn to tell objects apart


def batch_loss(
    model: ISA,
    images: Images,
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    keys: Key[Array, " b"],
) -> Float[Array, ""]:
    """Return the mean loss of a batch.

    - `keys`: one of each image, for its random initial frames and pixels.
    """
    each = jax.vmap(lambda image, key: loss(model, image, config, step, key=key))
    return each(images.floats(), keys).mean()


def loss(
    model: ISA,
    image: Float[Array, "h w 3"],
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    key: PRNGKeyArray,
) -> Float[Array, ""]:
    """Return the loss of an image: Σ over h, w, 3 of (reconstruction - image)².

    With `config.loss_pixels` it is an unbiased estimate from sampled pixels. Added are `mixing`,
    times `config.mixing`, `shading`, times `config.shading`, and `ownership`, times
    `config.ownership`, from `OWNERSHIP_START` of the run on, since objects must be found first.
    """
    frame_key, pixel_key = jr.split(key)
    slots, frames, attention = model.attend(
        image, key=frame_key, gradient_scale=config.gradient_scale
    )
    height, width, _ = image.shape
    target = image.reshape(-1, 3)
    if config.loss_pixels is None:
        decoded = model.decode(slots, frames, recompute=config.recompute)
        logits = decoded.mask_logits.reshape(len(slots), -1)
        colours = decoded.slot_reconstructions.reshape(len(slots), -1, 3)
        weights = jnp.ones(len(target), image.dtype)
    else:
        chosen, weights = sample_pixels(importance(image), config.loss_pixels, key=pixel_key)
        target, grid = target[chosen], coordinates(height, width, image.dtype)[chosen]
        colours, logits = model.decode_at(slots, frames, grid)
    masks = jax.nn.softmax(logits, axis=0)
    reconstruction = (masks[..., None] * colours).sum(axis=0)
    error = jnp.square(reconstruction - target).sum(axis=-1)
    if config.mixing:
        error = error + config.mixing * mixing(colours, masks)
    if config.shading:
        error = error + config.shading * shading(colours, masks, weights)
    if config.ownership:
        objects_first = math.ceil(OWNERSHIP_START * config.steps)
        share = jnp.where(step < objects_first, 0, config.ownership)
        owner = idle_slot(attention, coordinates(*config.model.feature_size, image.dtype))
        error = error + share * ownership(colours, logits, target, owner)
    return (weights * error).sum()
