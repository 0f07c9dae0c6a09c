"""The training loss: the published error, and three terms on which slot paints what."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from isa_eqx import ISA, coordinates

from .config import TrainConfig
from .data import Images
from .sampling import importance, sample_pixels

OWNERSHIP_START = 0.45  # of all steps; until then slots only learn to tell objects apart
TINY = 1e-6  # pixels of a slot that paints nothing
RIGHT = 0.01  # squared error of a pixel at which it counts as painted right to 1/e


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


def mixing(colours: Float[Array, "k m 3"], masks: Float[Array, "k m"]) -> Float[Array, " m"]:
    """Return the variance of the slots' colours at each pixel, weighted by the masks.

    It is 0 where one slot paints a pixel alone. Not in the paper, whose loss lets slots mix: the
    dark seams of a bright piece may be half piece and half background, and two slots may share a
    piece that neither has. With weight 1 the loss becomes that of the slots by themselves,
    Σ mask · (colour - target)², a bound of the likelihood of a mixture, as MONet (Burgess et al.
    2019) and IODINE (Greff et al. 2019) maximise it. Needs no labels.
    """
    mean = (masks[..., None] * colours).sum(axis=0)
    return (masks * jnp.square(colours - mean[None]).sum(axis=-1)).sum(axis=0)


def shading(
    colours: Float[Array, "k m 3"], masks: Float[Array, "k m"], weights: Float[Array, " m"]
) -> Float[Array, " m"]:
    """Return each slot's squared deviation from its mean colour, weighted by the masks.

    It is 0 if every slot paints one colour. Not in the paper, whose loss lets a slot paint a part
    of the image whatever is there, such as a column of sky, wall and floor. With this term slots
    divide the image by colour: it is for datasets whose objects have one colour each. Needs no
    labels.

    - `weights`: of the pixels, as by `sample_pixels`.
    """
    shares = weights[None] * masks
    shares /= shares.sum(axis=1, keepdims=True) + TINY
    means = jnp.einsum("km,kmc->kc", shares, colours)
    return (masks * jnp.square(colours - means[:, None]).sum(axis=-1)).sum(axis=0)


def ownership(
    colours: Float[Array, "k m 3"],
    logits: Float[Array, "k m"],
    target: Float[Array, "m 3"],
    owner: Int[Array, ""],
) -> Float[Array, " m"]:
    """Return -log of the owner's mask at each pixel, times how well the owner paints it.

    How well is exp(-e / RIGHT), with e the owner's squared error at the pixel. Not in the paper,
    whose loss does not decide who owns a pixel that several slots would paint alike, such as the
    black background of Tetrominoes: slots tell objects apart, but divide the background between
    them. This term gives it to the owner. Needs no labels.

    - `owner`: index of the slot, as by `idle_slot`.
    """
    error = jnp.square(colours[owner] - target).sum(axis=-1)
    right = jax.lax.stop_gradient(jnp.exp(-error / RIGHT))
    return -right * jax.nn.log_softmax(logits, axis=0)[owner]


def idle_slot(attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Int[Array, ""]:
    """Return the slot whose attention is spread the widest around its centre.

    Where there are more slots than objects, a slot without an object attends to the whole image,
    so the background should be its. (The slot with the largest mask may hold an object as well,
    and would keep both for good.) The spread is the trace of the attention's covariance, without
    gradient.
    """
    weights = jax.lax.stop_gradient(attention / attention.sum(axis=1, keepdims=True))
    centre = weights @ grid
    spread = weights @ jnp.square(grid).sum(axis=1) - jnp.square(centre).sum(axis=1)
    return jnp.argmax(spread)
