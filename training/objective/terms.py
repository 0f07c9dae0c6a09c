"""Terms of the loss on which slot paints what. None is in the paper, none needs labels."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

TINY = 1e-6  # pixels of a slot that paints nothing
RIGHT = 0.01  # squared error of a pixel at which it counts as painted right to 1/e


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
