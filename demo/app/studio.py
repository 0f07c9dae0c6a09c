"""Models and drawn scenes of the app, and what a person has in front of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from isa_eqx import ISA, check_choice
from training.data import DATASETS, PROCEDURAL

from ..examples import choose_scenes, trained_on
from ..photo import Photo, as_pixels
from .editor import Editor
from .panels import warm_up

LONGEST = 30  # characters of a name on the page


@dataclasses.dataclass(frozen=True)
class Desk:
    """What a person has in front of them.

    - `model`: the name of the model whose slots are edited.
    - `other`: that of the model next to it, if any.
    - `number`: of the last drawn scene.
    - `name`: of the image, for files.
    - `compared`: what the other model makes of the same image.
    """

    model: str
    other: str | None
    number: int
    name: str
    editor: Editor
    compared: Editor | None = None


@dataclasses.dataclass(frozen=True)
class Studio:
    """Models by name, and scenes of a dataset, compiled for: what follows is quick."""

    models: Mapping[str, ISA]
    dataset: str
    scenes: UInt8[np.ndarray, "n h w 3"]

    @classmethod
    def of(cls, names: Sequence[str], dataset: str | None) -> "Studio":
        """Load models, draw scenes in the size of the first one's images, and compile.

        - `dataset`: by default what the first model has been trained on, if that is known.

        Raises a `ValueError` if a model cannot be loaded, or if no dataset is known.
        """
        if not names:
            raise ValueError("name at least one --model.")
        models = {name: ISA.from_pretrained(name) for name in names}
        first, subset, data = next(iter(models)), "", PROCEDURAL
        if dataset is None:
            dataset, subset, data = trained_on(first)
        check_choice("dataset", dataset, tuple(DATASETS))
        dataset, images = choose_scenes(dataset, subset, data, models[first].config.image_size)
        studio = cls(models, dataset, np.stack([as_pixels(image) for image in np.asarray(images)]))
        for model in models.values():
            warm_up(model, Editor.of(Photo.of(studio.scenes[0], model), model))
        return studio

    def start(self) -> Desk:
        """Return the desk with the first scene and the first model."""
        return self._put(next(iter(self.models)), None, 0, self.scenes[0], self._title(0))

    def another(self, desk: Desk) -> Desk:
        """Return the desk with the next drawn scene, after the last one with the first."""
        number = (desk.number + 1) % len(self.scenes)
        return self._put(desk.model, desk.other, number, self.scenes[number], self._title(number))

    def upload(self, desk: Desk, path: str) -> Desk:
        """Return the desk with an image file. Raises a `ValueError` if it cannot be read."""
        file = Path(path)
        try:
            photo = Photo.read(file, self.models[desk.model])
        except ValueError as error:
            raise ValueError(str(error).replace(path, file.name)) from error
        return self._put(desk.model, desk.other, desk.number, photo.pixels, file.stem or "photo")

    def use(self, desk: Desk, model: str) -> Desk:
        """Return the desk with another model for the same image."""
        other = None if desk.other == model else desk.other
        return self._put(model, other, desk.number, desk.editor.photo.pixels, desk.name)

    def compare(self, desk: Desk, other: str | None) -> Desk:
        """Return the desk with another model next to the one that is used, or with none."""
        compared = None if other is None else self._edit(other, desk.editor.photo.pixels)
        return dataclasses.replace(desk, other=other, compared=compared)

    def _put(
        self, model: str, other: str | None, number: int, pixels: np.ndarray, name: str
    ) -> Desk:
        compared = None if other is None else self._edit(other, pixels)
        return Desk(model, other, number, name, self._edit(model, pixels), compared)

    def _edit(self, name: str, pixels: np.ndarray) -> Editor:
        model = self.models[name]
        return Editor.of(Photo.of(pixels, model), model)

    def _title(self, number: int) -> str:
        return f"{self.dataset}-{number}"


def short_name(model: str) -> str:
    """Return the end of a model's name, as long as the page has room for."""
    return model if len(model) <= LONGEST else f"…{model[1 - LONGEST :]}"
