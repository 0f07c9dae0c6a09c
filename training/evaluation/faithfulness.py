"""Pose faithfulness: do frames say where objects are, and do objects follow their frames?"""

from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isa_eqx import ISA, Frame, Output
from isa_eqx.metrics import match_objects

from ..data import Scenes, dataset
from .edits import FOLLOWED, follow
from .intervals import moments
from .poses import TRUE, Values, compare_poses, counted, lacking
from .scoring import explain
from .table import format_table

BATCH = 40
FOUND = 0.5  # intersection over union from which on an object has been found


def measure_poses(
    model: ISA, scenes: Scenes, name: str, seed: int = 0
) -> dict[str, Float[np.ndarray, "n *m"]]:
    """Return the measures of `TRUE` and `FOLLOWED` of every image, NaN if none of its objects
    counts.

    An object is matched to a slot as by `match_objects`, and counts if their intersection over
    union is at least 0.5; `found` is the share of those. The measures are means over objects.

    Against true poses, of whole silhouettes: `position_error` is the distance in pixels,
    `scale_error` |estimate / truth - 1| in per cent, averaged over two axes, and `angle_error` the
    angle between the longer axes in degrees, at most 90, of objects whose spreads differ by a
    quarter or more. Scales are compared along the image's axes for ISA-TS, which estimates them
    there, and else along the object's own. What the frames of a variant lack is taken from the
    attention of the last round, as ISA-TSR would.

    `position_share`, `scale_share` (of logarithms) and `angle_share` (of `axis_vector`) are
    `moments` of all objects of an image, for `share_of_variance`. For objects after an edit of
    their frame, see `follow`.

    - `name`: of the dataset, which says what labels are background.
    - `seed`: of the initial frames, as for `score`.

    Raises a `ValueError` for scenes without true poses, which only procedural ones have.
    """
    if scenes.poses is None:
        raise ValueError("wanted scenes with true poses, which only procedural ones have.")
    poses, parts = jax.tree.map(jnp.asarray, scenes.poses), []
    for rows, out, slot, overlap in matched(model, scenes, name, seed):
        true = jax.tree.map(lambda x, at=rows: x[at], poses)
        with jax.debug_nans(False):  # of what does not count it is a measure
            measures = _measure(model, out, true, slot, overlap)
        parts.append(jax.device_get(measures))
    of_objects = jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(scenes)], *parts)
    return {measure: of_images(of_objects[measure]) for measure in (*TRUE, *FOLLOWED)}


def matched(
    model: ISA, scenes: Scenes, name: str, seed: int = 0
) -> Iterator[tuple[Int[np.ndarray, " b"], Output, Int[Array, "b i"], Float[Array, "b i"]]]:
    """Iterate over batches: rows of the scenes, what the model makes of them, and the slot of each
    label and their overlap, as of `match_objects`.

    All batches are full, so that one program serves every count: the last begins again with the
    first rows.

    - `name`, `seed`: as of `measure_poses`.
    """
    spec, count = dataset(name), len(scenes)
    background = tuple(sorted({*spec.background, *range(spec.first_object)}))
    for first in range(0, count, BATCH):
        places = np.arange(first, first + BATCH)
        batch = scenes[places % count]
        out = explain(model, batch.seen, places.astype(np.uint32), np.array(seed, np.uint32))
        labels, sizes = jnp.asarray(batch.labels, jnp.int32), (spec.num_labels, out.slots.shape[1])
        slot, overlap = match_objects(labels, out.segmentation, *sizes, background)
        yield places % count, out, slot, overlap


@eqx.filter_jit
def _measure(
    model: ISA, out: Output, truth: Frame, slot: Int[Array, "b i"], overlap: Float[Array, "b i"]
) -> Values:
    """Return the measures of each label, NaN where it does not count."""

    def measure(
        out: Output, truth: Frame, slot: Int[Array, " i"], overlap: Float[Array, " i"]
    ) -> Values:
        is_found = overlap >= FOUND
        against = compare_poses(model, out, truth, slot)
        of_found = {key: counted(is_found, values) for key, values in against.items()}
        found = counted(~jnp.isnan(overlap), is_found.astype(jnp.float32))
        return {"found": found} | of_found | follow(model, out, slot, is_found)

    return jax.vmap(measure)(out, truth, slot, overlap)


def of_images(values: Float[np.ndarray, "n i *c"]) -> Float[np.ndarray, "n *m"]:
    """Return means over objects, or the moments of pairs."""
    if values.ndim > 2:
        return moments(values[:, :, 0], values[:, :, 1])
    is_counted = ~np.isnan(values)
    count = is_counted.sum(axis=1)
    total = np.where(is_counted, values, 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def pose_tables(summary: Mapping[str, Any], models: Mapping[str, ISA]) -> str:
    """Return the poses of objects against the true ones, and what edits of frames do, as tables."""
    attended = {name: lacking(model) for name, model in models.items()}
    return f"""\
Frames against the true poses of the objects found. In italics: what the variant's frames lack,
taken from its attention.

{format_table(summary, TRUE, attended)}
Masks after an edit of their frames, of objects with room for it.

{format_table(summary, FOLLOWED)}"""
