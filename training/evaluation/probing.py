"""What of objects is in slots and frames, as far as a linear model can tell."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from isa_eqx import ISA, Output

from ..data import Scenes
from .faithfulness import FOUND, matched, of_images
from .intervals import moments
from .linear import fit_classes, fit_values
from .table import Values
from .truth import Attributes

# What is predicted from what. The last says how much of a slot depends on the position: a linear
# model finds what is in a slot however little of it that is.
PROBES = (
    ("colour", "slot"),
    ("shape", "slot"),
    ("position", "frame"),
    ("position", "slot"),
    ("slot", "position"),
)


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of images, by label: what a model says of each, and the truth.

    - `known`: by name, the attributes, `slot` and, of a variant that has positions, `frame`: the
      frame's position.
    - `overlap`: intersection over union of object and slot; NaN for a label without an object.
    """

    known: Attributes
    overlap: Float[np.ndarray, "n i"]

    @property
    def is_found(self) -> Bool[np.ndarray, "n i"]:
        return np.nan_to_num(self.overlap) >= FOUND


def find_objects(model: ISA, scenes: Scenes, name: str, truth: Attributes) -> Objects:
    """Return the objects of scenes of the dataset `name`."""
    parts = [
        jax.device_get((_gather(out, slot), overlap))
        for _, out, slot, overlap in matched(model, scenes, name)
    ]
    joined = jax.tree.map(lambda *arrays: np.concatenate(arrays)[: len(scenes)], *parts)
    (slots, positions), overlap = joined
    frames = {"frame": positions} if "position" in model.symmetry.fields else {}
    return Objects(truth | {"slot": slots} | frames, overlap)


@eqx.filter_jit
def _gather(
    out: Output, slot: Int[Array, "b i"]
) -> tuple[Float[Array, "b i d"], Float[Array, "b i 2"]]:
    """Return slot and position of each label; any for -1."""
    return jax.vmap(lambda values, chosen: jax.tree.map(lambda x: x[chosen], values))(
        (out.slots, out.frames.position), slot
    )


def probe(fitted: Objects, scored: Objects) -> Values:
    """Return the measures of every image: the share of objects `found`, and by "… from …", of the
    found ones, the share that a linear model classifies right, or `moments` of its estimates.

    NaN where the model has no frames.

    - `fitted`: the objects that the linear models are fitted to, if they are found.
    - `scored`: other ones.

    Raises a `ValueError` if too few are found to fit anything to.
    """
    found = np.where(np.isnan(scored.overlap), np.nan, scored.is_found)
    measures = {"found": of_images(found)}
    for what, source in PROBES:
        if what in scored.known:
            is_there = source in scored.known
            values = _probe(fitted, scored, what, source) if is_there else found[:, 0] * np.nan
            measures[f"{what} from {source}"] = values
    return measures


def _probe(fitted: Objects, scored: Objects, what: str, source: str) -> Float[np.ndarray, "n *m"]:
    x, y = (fitted.known[name][fitted.is_found] for name in (source, what))
    if len(x) <= x.shape[-1]:
        raise ValueError(
            f"only {len(x)} objects were found to fit a linear model of {x.shape[-1]} numbers to; "
            "name a better model, or more --train-images."
        )
    seen, truth = scored.known[source], scored.known[what]
    is_class = truth.ndim == 2
    function = fit_classes(x, y, int(y.max()) + 1) if is_class else fit_values(x, y)
    answer = function(seen.reshape(-1, seen.shape[-1])).reshape(*seen.shape[:2], -1)
    if is_class:
        return of_images(np.where(scored.is_found, answer.argmax(axis=-1) == truth, np.nan))
    return moments(np.where(scored.is_found[..., None], truth, np.nan), answer)


def commonest(fitted: Objects, scored: Objects) -> dict[str, float]:
    """Return how often the commonest class would be right, by what is classified."""
    found = {}
    for name, classes in fitted.known.items():
        if classes.ndim == 2:
            answer = np.bincount(classes[fitted.is_found]).argmax()
            found[name] = float((scored.known[name][scored.is_found] == answer).mean())
    return found
