"""Scores a model on labelled scenes."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8, UInt32

from isa_eqx import ISA, ISAConfig, Output, attention_masks
from isa_eqx.metrics import (
    adjusted_rand_index,
    mean_best_overlap,
    mean_iou,
    mean_squared_error,
)

from ..data import Batch, FeatureMaps, Scenes, dataset
from ..distributed import gather, share_out
from .diagnostics import diagnose
from .intervals import mean_of

BATCH = 40  # images, or a few more where the devices do not divide it
METRICS = {"fg_ari": "FG-ARI", "ari": "ARI", "miou": "mIoU", "mbo": "mBO", "mse": "MSE"}
Masks = Literal["auto", "decoder", "attention"]
Found = TypeVar("Found")


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a model made of scenes.

    - `scores`: of each image, by name: `fg_ari`, `ari`, `miou`, `mbo` and `mse`, see
      `isa_eqx.metrics`. NaN are `miou` and `mbo` of an image without objects. Of scenes without
      labels `mse` alone.
    - `segmentations`: the slot with the largest mask at each pixel.
    """

    scores: dict[str, Float[np.ndarray, " n"]]
    segmentations: Int[np.ndarray, "n h w"]


def evaluate(
    model: ISA, scenes: Scenes, name: str, mesh: Mesh | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of all scores over the scenes, and what `diagnose` measures.

    - `name`: of the dataset, which says what labels are background.
    - `mesh`: devices that share the work; by default, JAX's default device does it.
    """
    found, slots = score(model, scenes, name, mesh), model.config.num_slots
    means = {metric: mean_of(values) for metric, values in found.scores.items()}
    return means, diagnose(found.segmentations, slots, scenes.labels, dataset(name).background)


def score(
    model: ISA,
    scenes: Scenes,
    name: str,
    mesh: Mesh | None = None,
    *,
    masks: Masks = "auto",
    background: tuple[int, ...] | None = None,
    seed: int = 0,
) -> Scored:
    """Return the scores of every scene.

    Initial frames are random, and depend only on the seed and the place of an image among the
    others.

    - `name`, `mesh`: as of `evaluate`.
    - `masks`: those of the decoder, or the attention of the last round, interpolated to the size of
      the image; `auto` takes the better ones, `ISAConfig.masks_of`.
    - `background`: labels that `fg_ari`, `miou` and `mbo` leave out; by default the dataset's.
    - `seed`: of the initial frames.
    """
    spec, count, size = dataset(name), len(scenes), BATCH
    ignore = spec.background if background is None else background
    if mesh is not None:
        size = -(-BATCH // mesh.size) * mesh.size
    parts = []
    for first in range(0, count, size):
        # Always a full batch, so that one program serves every count.
        places = np.arange(first, first + size)
        batch = scenes.seen[places % count], places.astype(np.uint32)
        if mesh is not None:
            batch = share_out(batch, mesh)
        with jax.threefry_partitionable(True):  # as by default: see `_key`
            explained = _explain(model, *batch, np.array(seed, np.uint32), masks, mesh)
        found, errors = gather(explained)
        compared = {}
        if scenes.labels is not None:
            labels = scenes.labels[places % count]
            with jax.debug_nans(False):  # of an image without objects it is a score
                compared = compare(labels, found, spec.num_labels, model.config.num_slots, ignore)
        parts.append((jax.device_get(compared) | {"mse": errors}, found))
    scores, segmentations = jax.tree.map(lambda *arrays: np.concatenate(arrays)[:count], *parts)
    return Scored(scores, segmentations)


def explain(
    model: ISA,
    images: Batch,
    places: UInt32[Array | np.ndarray, " b"],
    seed: UInt32[Array | np.ndarray, ""] | np.uint32,
) -> Output:
    """Return what a model makes of images, with the initial frames that they are scored with.

    - `images`: or their features.
    - `places`: of the images among those that are scored.
    """
    with jax.threefry_partitionable(True):  # as by default: see `_key`
        return _each(_itself, model, images, places, jnp.asarray(seed))


def _itself(out: Output, target: Float[Array, "y x c"]) -> Output:
    return out


@eqx.filter_jit
def _each(
    function: Callable[[Output, Float[Array, "y x c"]], Found],
    model: ISA,
    images: Batch,
    places: UInt32[Array | np.ndarray, " b"],
    seed: UInt32[Array | np.ndarray, ""],
) -> Found:
    """Return a function of each output and of what it explains."""

    def of_image(one: tuple[Float[Array, "h w i"], UInt32[Array, ""]]) -> Found:
        given, place = one
        target = given if isinstance(images, FeatureMaps) else model.target(given)
        return function(model.explain(target, key=jr.fold_in(_key(seed), place)), target)

    # One after another what an image is decoded to fits a core's cache: three times as fast.
    together = None if jax.default_backend() == "cpu" else len(images)
    return jax.lax.map(of_image, (images.floats(), jnp.asarray(places)), batch_size=together)


def _key(seed: UInt32[Array | np.ndarray, ""]) -> PRNGKeyArray:
    """Return the key of a seed by JAX's default generator, whatever a program has set.

    So figures can be compared; and other generators draw the same for all images of a batch.
    """
    return jr.key(jnp.asarray(seed), impl="threefry2x32")


@eqx.filter_jit
def _explain(
    model: ISA,
    images: Batch,
    places: UInt32[Array | np.ndarray, " b"],
    seed: UInt32[Array | np.ndarray, ""],
    masks: Masks,
    mesh: Mesh | None = None,
) -> tuple[Int[Array, "b h w"], Float[Array, " b"]]:
    """Return segmentations and mean squared errors of images.

    - `mesh`: devices that have a part of the images each, and all of the model.
    """

    def found(
        out: Output, target: Float[Array, "y x c"]
    ) -> tuple[Int[Array, "h w"], Float[Array, ""]]:
        owner = segmentation(out, model.config, masks)
        return owner, mean_squared_error(target[None], out.painted.reconstruction[None])[0]

    def of_part(images: Batch, places: Any) -> tuple[Int[Array, "b h w"], Float[Array, " b"]]:
        return _each(found, model, images, places, seed)

    if mesh is None:
        return of_part(images, places)
    parts = PartitionSpec("batch")
    shared = jax.shard_map(of_part, mesh=mesh, in_specs=parts, out_specs=parts, check_vma=False)
    return shared(images, places)


@eqx.filter_jit
def compare(
    labels: UInt8[Array | np.ndarray, "b h w"],
    segmentations: Int[Array | np.ndarray, "b h w"],
    num_labels: int,
    num_slots: int,
    ignore: tuple[int, ...],
) -> dict[str, Float[Array, " b"]]:
    """Return the scores of segmentations. On one device: matching would wait for all at each step.

    XLA counts the pixels once for all of them.
    """
    both = jnp.asarray(labels, jnp.int32), jnp.asarray(segmentations), num_labels, num_slots
    return {
        "fg_ari": adjusted_rand_index(*both, ignore=ignore),
        "ari": adjusted_rand_index(*both),
        "miou": mean_iou(*both, ignore=ignore),
        "mbo": mean_best_overlap(*both, ignore=ignore),
    }


def segmentation(out: Output, config: ISAConfig, masks: Masks = "auto") -> Int[Array, "*b h w"]:
    """Return the slot with the largest mask at each pixel. `masks`: as of `score`."""
    if (config.masks_of if masks == "auto" else masks) == "decoder":
        return out.segmentation
    return jnp.argmax(attention_masks(out.attention, config), axis=-3)
