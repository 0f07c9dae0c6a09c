"""One step of training, as a pure function of the state before it."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isa_eqx import ISA, coordinates

from .config import TrainConfig
from .data import Images

OWNERSHIP_START = 0.2  # of all steps; from the first one on, one slot takes all


class TrainState(eqx.Module):
    """All that changes while training, and all that a checkpoint holds."""

    model: ISA
    optimiser: optax.OptState
    step: Int[Array, ""]


def start(config: TrainConfig) -> TrainState:
    """The state before the first step."""
    model = eqx.filter_jit(ISA)(config.model, key=jr.fold_in(jr.key(config.seed), 0))
    optimiser = optimiser_of(config).init(eqx.filter(model, eqx.is_array))
    return TrainState(model, optimiser, jnp.zeros((), jnp.int32))


def optimiser_of(config: TrainConfig) -> optax.GradientTransformation:
    """Adam with clipping, a linear warm-up and a cosine to zero."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, config.warmup_steps, max(config.steps, config.warmup_steps + 1)
    )
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), optax.adam(schedule))


def loss(
    model: ISA,
    image: Float[Array, "h w 3"],
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    key: PRNGKeyArray,
) -> Float[Array, ""]:
    """Σ over h, w, 3 of (reconstruction - image)², or its unbiased estimate from random pixels.

    After the first fifth of a run, `config.ownership` times `ownership` is added: objects first.
    """
    frame_key, pixel_key = jr.split(key)
    slots, frames, _ = model.attend(image, key=frame_key)
    height, width, _ = image.shape
    target = image.reshape(-1, 3)
    if config.loss_pixels is None:
        decoded = model.decode(slots, frames, recompute=config.recompute)
        logits = decoded.mask_logits.reshape(len(slots), -1)
        colours = decoded.slot_reconstructions.reshape(len(slots), -1, 3)
    else:
        chosen = jr.randint(pixel_key, (config.loss_pixels,), 0, height * width)
        target, grid = target[chosen], coordinates(height, width, image.dtype)[chosen]
        colours, logits = model.decode_at(slots, frames, grid)
    reconstruction = (jax.nn.softmax(logits, axis=0)[..., None] * colours).sum(axis=0)
    error = jnp.square(reconstruction - target).sum(axis=-1)
    if config.ownership:
        objects_first = math.ceil(OWNERSHIP_START * config.steps)
        weight = jnp.where(step < objects_first, 0, config.ownership)
        error = error + weight * ownership(colours, logits, target)
    return error.mean() * (height * width)


def ownership(
    colours: Float[Array, "k m 3"], logits: Float[Array, "k m"], target: Float[Array, "m 3"]
) -> Float[Array, " m"]:
    """-log of the owner's mask at each pixel that the owner paints right, 0 at the others.

    Not in the paper. Its loss does not say who owns a pixel that several slots would paint alike,
    such as the black background of Tetrominoes: slots tell objects apart but share the background
    out between them. Here the pixels that the slot with the largest area paints right go to it.
    Right is weighted by exp(-e / 0.01), e the slot's squared error at the pixel. Needs no labels.
    """
    error = jnp.square(colours - target[None]).sum(axis=-1)
    right = jax.lax.stop_gradient(jnp.exp(-error / 0.01))
    masks = jax.nn.log_softmax(logits, axis=0)
    owner = jnp.argmax((right * jnp.exp(masks)).sum(axis=1))
    return -right[owner] * masks[owner]


def batch_loss(
    model: ISA,
    images: Images,
    config: TrainConfig,
    step: Int[Array, ""],
    *,
    key: PRNGKeyArray,
) -> Float[Array, ""]:
    """The mean loss of a batch, each image with frames of its own."""
    floats, keys = images.floats(), jr.split(key, len(images))
    return jax.vmap(lambda image, k: loss(model, image, config, step, key=k))(floats, keys).mean()


# The old state is donated: its memory becomes the new state's.
@eqx.filter_jit(donate="all-except-first")
def train_step(
    images: Images, state: TrainState, config: TrainConfig
) -> tuple[TrainState, dict[str, Float[Array, ""]]]:
    """The state after one batch, and what was measured on the way.

    The step's randomness depends only on the seed and the step's number, so a run that was
    interrupted goes on as if it had not been.
    """
    key = jr.fold_in(jr.fold_in(jr.key(config.seed), 1), state.step)
    value, gradient = eqx.filter_value_and_grad(batch_loss)(
        state.model, images, config, state.step, key=key
    )
    with jax.numpy_dtype_promotion("standard"):  # optax raises floats to whole powers
        updates, optimiser = optimiser_of(config).update(gradient, state.optimiser)
    model = eqx.apply_updates(state.model, updates)
    measured = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
    return TrainState(model, optimiser, state.step + 1), measured
