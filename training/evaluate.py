"""Scores a model on labelled scenes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isa_eqx import ISA
from isa_eqx.metrics import adjusted_rand_index, mean_squared_error

from .data import Images, Scenes, dataset

BATCH = 50


def evaluate(model: ISA, scenes: Scenes, name: str) -> dict[str, float]:
    """Return the means of `fg_ari`, `ari` and `mse` over all scenes.

    - `name`: of the dataset, which says what labels are background.

    The segmentation is the slot with the largest mask at each pixel. Initial frames are random, and
    for each scene the same in every call.
    """
    spec, slots = dataset(name), model.config.num_slots
    scores: dict[str, list[np.ndarray]] = {"fg_ari": [], "ari": [], "mse": []}
    for first in range(0, len(scenes), BATCH):
        batch = scenes[first : first + BATCH]
        labels = jnp.asarray(batch.labels, jnp.int32)
        predicted, error = _explain(model, batch.images, jr.fold_in(jr.key(0), first))
        ari = [
            adjusted_rand_index(labels, predicted, spec.num_labels, slots, ignore=ignore)
            for ignore in (spec.background, ())
        ]
        for values, new in zip(scores.values(), (*ari, error), strict=True):
            values.append(np.asarray(new))
    return {key: float(np.concatenate(values).mean()) for key, values in scores.items()}


@eqx.filter_jit
def _explain(
    model: ISA, images: Images, key: PRNGKeyArray
) -> tuple[Int[Array, "b h w"], Float[Array, " b"]]:
    floats, keys = images.floats(), jr.split(key, len(images))
    out = jax.vmap(lambda image, k: model(image, key=k))(floats, keys)
    return out.segmentation, mean_squared_error(floats, out.reconstruction)
