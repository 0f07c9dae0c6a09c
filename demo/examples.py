"""Scenes that a model is tried on: those that it was trained on, or others that are drawn."""

import json

from jaxtyping import Array, Float

from hub.remote import locate
from training.data import DATASETS, PROCEDURAL, load, split_name

SCENES = 64  # to choose from
STAND_IN = "clevr"
MAX_BYTES = 100_000  # of a recipe; those of this project have some 1,000


def choose_scenes(
    dataset: str, subset: str, data: str, size: tuple[int, int]
) -> tuple[str, Float[Array, "n h w 3"]]:
    """Return the name of the scenes to choose from, and their images.

    Scenes are drawn, but for a person's own images: those that the model was validated on, or where
    these are not at hand, scenes of CLEVR.
    """
    split = split_name(subset, "validation")
    if DATASETS[dataset].own:
        try:
            return dataset, load(dataset, split, SCENES, data=data, size=size).images.floats()
        except (ValueError, ConnectionError):
            dataset, split = STAND_IN, "validation"
    return dataset, load(dataset, split, SCENES, data=PROCEDURAL, size=size).images.floats()


def trained_on(model: str) -> tuple[str, str, str]:
    """Return dataset, subset and source of the scenes that a model has been trained on.

    - `model`: a folder, or a repo of the Hub.

    Raises a `ValueError` if it has no recipe, `train.json`.
    """
    try:
        recipe = json.loads(locate(model).fetch("train.json", MAX_BYTES).read_text("utf-8"))
        return str(recipe["dataset"]), str(recipe.get("subset", "")), str(recipe["data"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"{model} does not say what it was trained on: name a --dataset."
        ) from None
