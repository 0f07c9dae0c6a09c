"""A scene that can be edited: the slots of an image, their frames, and which are painted."""

import dataclasses

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from isa_eqx import ISA, Features, Frame, Output

from .photo import Photo, as_pixels, explain
from .rendering import render

SMALLEST = 0.01  # share of the image from which on a slot has an object


@dataclasses.dataclass(frozen=True)
class Scene:
    """The slots of an image.

    - `image`: what the model sees.
    - `slots`, `frames`: of every slot.
    - `shares`: of the image's pixels that each slot has.
    - `kept`: the slots that are painted.
    - `colours`: the mean colour of each slot's pixels, which it is painted in if the model explains
      features; `None` if it explains colours.
    """

    image: UInt8[np.ndarray, "h w 3"]
    slots: Float[Array, "k d"]
    frames: Frame
    shares: Float[np.ndarray, " k"]
    kept: tuple[int, ...]
    colours: Float[np.ndarray, "k 3"] | None = None

    @classmethod
    def of(cls, photo: Photo, model: ISA, seed: int = 0) -> "Scene":
        """Return what a model makes of a photo, from the initial frames of a seed."""
        seen = photo.seen(model)
        return cls.explained(seen, explain(model, seen, np.uint32(seed)))

    @classmethod
    def explained(cls, seen: Float[Array, "h w 3"], out: Output) -> "Scene":
        """Return the scene of an image that has been explained."""
        slots, owner = len(out.slots), np.asarray(out.segmentation)
        shares = np.bincount(owner.ravel(), minlength=slots) / owner.size
        kept, colours = tuple(range(slots)), None
        if isinstance(out.painted, Features):
            masks = np.asarray(out.masks, np.float32).reshape(slots, -1)
            colours = masks @ np.asarray(seen, np.float32).reshape(-1, 3)
            colours = colours / masks.sum(axis=1, keepdims=True).clip(np.finfo(np.float32).tiny)
        return cls(as_pixels(seen), out.slots, out.frames, shares, kept, colours)

    @property
    def background(self) -> int:
        """The slot that has most of the image."""
        return int(self.shares.argmax())

    @property
    def objects(self) -> tuple[int, ...]:
        """The slots that are painted and have a hundredth of the image, but for the background."""
        large = np.flatnonzero(self.shares >= SMALLEST).tolist()
        return tuple(k for k in large if k != self.background and k in self.kept)

    def describe(self) -> str:
        """Return a line for each slot: how much it has of the image, and where."""
        lines = []
        for slot, share in enumerate(self.shares):
            y, x = np.asarray(self.frames.position[slot])
            what = " (background)" if slot == self.background else f" at ({y:+.2f}, {x:+.2f})"
            lines.append(f"  slot {slot}: {share:4.0%} of the image{what}")
        return "\n".join(lines)

    def check(self, slot: int) -> int:
        """Return the slot. Raises a `ValueError` if there is none of this number."""
        if not 0 <= slot < len(self.shares):
            raise ValueError(f"there is no slot {slot}; slots are 0 to {len(self.shares) - 1}.")
        return slot

    def without(self, *slots: int) -> "Scene":
        """Return the scene without these slots. Raises a `ValueError` if none would be left."""
        gone = {self.check(slot) for slot in slots}
        kept = tuple(slot for slot in self.kept if slot not in gone)
        if not kept:
            raise ValueError("no slot would be left; delete fewer.")
        return dataclasses.replace(self, kept=kept)

    def with_slot(self, slot: int, other: "Scene", there: int) -> "Scene":
        """Return the scene with the object of another scene's slot in the place of one of its own.

        It keeps its scale and rotation.
        """
        self.check(slot)
        other.check(there)
        moved = dataclasses.replace(
            self.frames,
            scale=self.frames.scale.at[slot].set(other.frames.scale[there]),
            rotation=self.frames.rotation.at[slot].set(other.frames.rotation[there]),
        )
        slots, colours = self.slots.at[slot].set(other.slots[there]), self.colours
        if colours is not None and other.colours is not None:
            colours = colours.copy()
            colours[slot] = other.colours[there]
        return dataclasses.replace(self, slots=slots, frames=moved, colours=colours)

    def render(
        self, model: ISA, size: tuple[int, int], frames: Frame | None = None
    ) -> tuple[Float[np.ndarray, "h w 3"], Int[np.ndarray, "h w"]]:
        """Return the image in a size, (height, width), and the slot of each of its pixels.

        - `frames`: of every slot, in place of those of the scene.
        """
        chosen = np.array(self.kept)
        used = self.frames if frames is None else frames
        of_kept = Frame(used.position[chosen], used.scale[chosen], used.rotation[chosen])
        colours = None if self.colours is None else self.colours[chosen]
        image, owner = render(model, self.slots[chosen], of_kept, size, colours)
        return image, chosen[owner]
