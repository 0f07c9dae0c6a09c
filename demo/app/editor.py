"""An image whose slots are edited by hand: which one is selected, and where each has been moved."""

import dataclasses
import math

import numpy as np
from jaxtyping import UInt8

from isa_eqx import ISA, Frame, Output
from isa_eqx.symmetries import SYMMETRIES

from ..paths import variants_with
from ..photo import Photo, explain
from ..scene import Scene

# What an edit changes, and the field of a frame that it needs.
NEEDS = {"y": "position", "x": "position", "size": "scale", "angle": "rotation"}


@dataclasses.dataclass(frozen=True)
class Edit:
    """Where a slot's object is, how much larger than it was, and how far turned.

    - `y`, `x`: in grid units: the image's corners lie at ±1.
    - `size`: a factor.
    - `angle`: in degrees, from x towards y, which is clockwise on a screen.
    """

    y: float
    x: float
    size: float = 1.0
    angle: float = 0.0


@dataclasses.dataclass(frozen=True)
class Editor:
    """An image, what a model makes of it, and what has been done to its slots.

    - `variant`: of the model.
    - `labels`: the slot of each pixel that the model sees.
    - `scene`: slots and frames as they were found, and which slots are painted.
    - `edits`: of each slot.
    - `selected`: the slot that the next edit is for.
    """

    variant: str
    photo: Photo
    out: Output
    labels: UInt8[np.ndarray, "h w"]
    scene: Scene
    edits: tuple[Edit, ...]
    selected: int | None = None

    @classmethod
    def of(cls, photo: Photo, model: ISA) -> "Editor":
        """Return what a model makes of a photo, not edited yet."""
        seen = photo.seen(model)
        out = explain(model, seen, np.uint32(0))
        labels, scene = np.asarray(out.segmentation).astype(np.uint8), Scene.explained(seen, out)
        return cls(model.config.variant, photo, out, labels, scene, found(scene.frames))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of a frame that can be edited."""
        return SYMMETRIES[self.variant].fields

    @property
    def frames(self) -> Frame:
        """The edited frames of all slots."""
        before, after = found(self.scene.frames), self.edits
        shift = [[b.y - a.y, b.x - a.x] for a, b in zip(before, after, strict=True)]
        return self.scene.frames.moved(
            shift=np.array(shift, np.float32),
            scale=np.array([[edit.size, edit.size] for edit in after], np.float32),
            angle=np.array([math.radians(edit.angle) for edit in after], np.float32),
            around=self.scene.frames.position,
        )

    @property
    def is_deleted(self) -> bool:
        """Return whether the selected slot is not painted."""
        return self.selected is not None and self.selected not in self.scene.kept

    def select(self, slot: int) -> "Editor":
        """Return the editor with a slot selected. Raises a `ValueError` if there is none such."""
        return dataclasses.replace(self, selected=self.scene.check(slot))

    def change(self, name: str, value: float) -> "Editor":
        """Return the editor after the selected slot's edit has been given another value.

        Raises a `ValueError` if no slot is selected, or if the model's frames lack what is changed.
        """
        if NEEDS[name] not in self.fields:
            raise ValueError(missing(self.variant))
        slot = self._selected()
        edit = dataclasses.replace(self.edits[slot], **{name: value})
        edits = (*self.edits[:slot], edit, *self.edits[slot + 1 :])
        return dataclasses.replace(self, edits=edits)

    def toggle(self) -> "Editor":
        """Return the editor with the selected slot deleted, or brought back if it was.

        Raises a `ValueError` if no slot is selected, or if none would be left.
        """
        slot, scene = self._selected(), self.scene
        if self.is_deleted:
            scene = dataclasses.replace(scene, kept=tuple(sorted((*scene.kept, slot))))
        else:
            scene = scene.without(slot)
        return dataclasses.replace(self, scene=scene)

    def reset(self) -> "Editor":
        """Return the editor with all slots as they were found."""
        whole = dataclasses.replace(self.scene, kept=tuple(range(len(self.edits))))
        return dataclasses.replace(self, scene=whole, edits=found(whole.frames))

    def _selected(self) -> int:
        if self.selected is None:
            raise ValueError("Select an object first: click it in a picture.")
        return self.selected


def found(frames: Frame) -> tuple[Edit, ...]:
    """Return the edits that leave frames as they are."""
    return tuple(Edit(float(y), float(x)) for y, x in np.asarray(frames.position, np.float32))


def missing(variant: str) -> str:
    """Return a sentence on what slots of a variant lack, `""` if they lack nothing."""
    names = {"position": "position", "scale": "size", "rotation": "angle"}
    lacking = [field for field in names if field not in SYMMETRIES[variant].fields]
    if not lacking:
        return ""
    if len(lacking) == len(names):
        return (
            "Slots of plain Slot Attention (sa) have no frames: nothing can be moved, only deleted."
        )
    others = " or ".join(variants_with(lacking[0]))
    words = " and no ".join(names[field] for field in lacking)
    return f"Frames of {variant} have no {words}; take a model of {others} for that."
