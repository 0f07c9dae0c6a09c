"""Scores a model on labelled scenes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, UInt32

from isa_eqx import ISA
from isa_eqx.metrics import adjusted_rand_index, mean_squared_error

from .data import Images, Scenes, dataset
from .devices import gather, share_out
from .diagnostics import diagnose

BATCH = 40  # images, or a few more where the devices do not divide it


def evaluate(
    model: ISA, scenes: Scenes, name: str, mesh: Mesh | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the means of `fg_ari`, `ari` and `mse` over all scenes, and what `diagnose` measures.

    - `name`: of the dataset, which says what labels are background.
    - `mesh`: devices that share the work; by default, JAX's default device does it.
    """
    spec, slots = dataset(name), model.config.num_slots
    segmentations, errors = explain(model, scenes.images, mesh)
    scores: dict[str, list[np.ndarray]] = {"fg_ari": [], "ari": []}
    for first in range(0, len(scenes), BATCH):
        part = slice(first, first + BATCH)
        labels = jnp.asarray(scenes.labels[part], jnp.int32)
        predicted = jnp.asarray(segmentations[part])
        for key, ignore in (("fg_ari", spec.background), ("ari", ())):
            ari = adjusted_rand_index(labels, predicted, spec.num_labels, slots, ignore=ignore)
            scores[key].append(np.asarray(ari))
    means = {key: float(np.concatenate(values).mean()) for key, values in scores.items()}
    means["mse"] = float(errors.mean())
    return means, diagnose(segmentations, slots, scenes.labels, spec.background)


def explain(
    model: ISA, images: Images, mesh: Mesh | None = None
) -> tuple[Int[np.ndarray, "n h w"], Float[np.ndarray, " n"]]:
    """Return the slot with the largest mask at each pixel, and each image's mean squared error.

    Initial frames are random, and depend only on the place of an image among the others.
    """
    count, size = len(images), BATCH
    if mesh is not None:
        size = -(-BATCH // mesh.size) * mesh.size
    parts = []
    for first in range(0, count, size):
        # Always a full batch, so that one program serves every count.
        places = np.arange(first, first + size)
        batch = images[places % count], places.astype(np.uint32)
        if mesh is not None:
            batch = share_out(batch, mesh)
        parts.append(gather(_explain(model, *batch)))
    segmentations, errors = (np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True))
    return segmentations, errors


@eqx.filter_jit
def _explain(
    model: ISA, images: Images, places: UInt32[Array | np.ndarray, " b"]
) -> tuple[Int[Array, "b h w"], Float[Array, " b"]]:
    floats = images.floats()
    keys = jax.vmap(lambda place: jr.fold_in(jr.key(0), place))(jnp.asarray(places))
    out = jax.vmap(lambda image, key: model(image, key=key))(floats, keys)
    return out.segmentation, mean_squared_error(floats, out.reconstruction)
