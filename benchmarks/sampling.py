"""The variance of the sampled loss and its gradient, by importance and uniformly:
`python -m benchmarks.sampling --dataset tetrominoes --run RUN_FOLDER`.
"""

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Annotated
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import tyro
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from hub.common.terminal import resilient_output
from isa_eqx import ISA, Frame
from isa_eqx.symmetries import Symmetry
from training.config import TrainConfig
from training.data import load
from training.objective import loss as objective
from training.presets import preset
from training.runs import commit_hash, device_name
from training.step import initial_state

IMAGES, DRAWS = 16, 500


class FixedFrames(Symmetry):
    """A symmetry with given initial frames, so that only the sampling is random."""

    fields = ("position", "scale", "rotation")
    inner: Symmetry
    frames: Frame

    def __init__(self, inner: Symmetry, frames: Frame):
        self.inner, self.frames = inner, frames

    def initial(self, num_slots: int, dtype: DTypeLike, *, key: PRNGKeyArray | None) -> Frame:
        return self.frames

    def relative(self, frames: Frame, grid: Float[Array, "n 2"]) -> Float[Array, "k n 2"]:
        return self.inner.relative(frames, grid)

    def estimate(self, attention: Float[Array, "k n"], grid: Float[Array, "n 2"]) -> Frame:
        return self.inner.estimate(attention, grid)


def evenly(image: Float[Array, "h w 3"]) -> Float[Array, " n"]:
    """Return the same probability for every pixel."""
    pixels = image.shape[0] * image.shape[1]
    return jnp.full(pixels, 1 / pixels)


def moments(
    model: ISA, config: TrainConfig, images: Float[Array, "b h w 3"], draws: int
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Return, for loss and gradient, the variance of a draw and the squared bias of their mean.

    Both are sums over entries and means over images. The bias is the distance of the mean of all
    draws from the value of the whole image.
    """
    whole = dataclasses.replace(config, loss_pixels=None)
    end = jnp.asarray(config.steps)

    def one(image: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        frame_key, draw_key = jr.split(key)
        kind = model.symmetry
        frames = kind.initial(config.model.num_slots, image.dtype, key=frame_key)
        fixed = eqx.tree_at(
            lambda m: m.attention.symmetry, model, FixedFrames(inner=kind, frames=frames)
        )
        arrays, rest = eqx.partition(fixed, eqx.is_array)

        def slopes(recipe: TrainConfig, key: PRNGKeyArray) -> tuple[Array, Array]:
            def cost(arrays: ISA) -> Array:
                return objective.loss(eqx.combine(arrays, rest), image, recipe, end, key=key)

            value, gradient = jax.value_and_grad(cost)(arrays)
            flat = [jnp.ravel(x) for x in jax.tree.leaves(gradient)]
            return value[None], jnp.concatenate(flat)

        truth, first = slopes(whole, draw_key), jax.tree.map(jnp.zeros_like, slopes(whole, key))

        def add(sums: tuple, key: PRNGKeyArray) -> tuple[tuple, None]:
            off = jax.tree.map(lambda ours, wanted: ours - wanted, slopes(config, key), truth)
            total, squares = sums
            squares = jax.tree.map(lambda s, x: s + jnp.square(x).sum(), squares, off)
            return (jax.tree.map(jnp.add, total, off), squares), None

        zeros = jax.tree.map(lambda x: jnp.zeros(()), truth)
        (total, squares), _ = jax.lax.scan(add, (first, zeros), jr.split(draw_key, draws))
        distance = jnp.stack([jnp.square(x / draws).sum() for x in total])
        return jnp.stack(squares) / draws - distance, distance

    keys = jr.split(jr.key(0), len(images))
    both = jax.jit(lambda: jax.lax.map(lambda pair: one(*pair), (images, keys)))()
    return jax.tree.map(lambda x: x.mean(axis=0), both)


def main(
    dataset: str,
    variant: str = "isa-t",
    run: Annotated[
        Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(default: a new model)")
    ] = None,
) -> None:
    """Print the variance of loss and gradient at the end of a run, for both ways to sample.

    Args:
        dataset: The dataset, whose quick preset is taken.
        variant: The symmetry of the slots: isa-t, isa-ts or isa-tsr.
        run: A model of that preset to measure with.
    """
    try:
        config = preset(dataset, variant, "quick")
        model = initial_state(config).model if run is None else ISA.from_pretrained(run)
        images = load(dataset, "train", IMAGES).images.floats()
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(report(model, config, images, DRAWS, str(run) if run else "a new model"))


def report(
    model: ISA, config: TrainConfig, images: Float[Array, "b h w 3"], draws: int, name: str
) -> str:
    """Format the table: variances over those of uniform sampling, and biases."""
    by_importance = moments(model, config, images, draws)
    with mock.patch.object(objective, "importance", evenly):
        even = moments(model, config, images, draws)
    lines = [
        f"sampling: {config.dataset}, {config.model.variant}, {config.loss_pixels} pixels of "
        f"{images[0, ..., 0].size:,}, {len(images)} images, {draws} draws; {name}",
        f"{device_name()}; commit {commit_hash()}, {datetime.date.today().isoformat()}",
        f"{'variance':15}{'loss':>12}{'gradient':>12}   mean off by, of what its variance allows",
    ]
    for title, (variance, distance) in (("evenly", even), ("by importance", by_importance)):
        share, off = variance / even[0], jnp.sqrt(distance / (variance / draws))
        cells = "".join(f"{float(x):11.2f}×" for x in share)
        lines.append(f"{title:15}{cells}   {float(off[0]):.1f} and {float(off[1]):.1f}")
    return "\n".join(lines)


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m benchmarks.sampling")
