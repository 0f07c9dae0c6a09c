"""Carry an object through its scene: `python -m demo.move IMAGE --model M --slot 1 --out a.gif`."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from PIL import Image

import hub
from hub.common.errors import exit_with_message, writing_to
from hub.common.terminal import resilient_output
from isa_eqx import ISA, Frame

from . import paths
from .animation import Panel, enlarged, gif, grid, painted, panel_size
from .photo import Photo, check_seed
from .scene import Scene

MOMENTS = 36  # of an object's way
MILLISECONDS = 70
CAPTIONS = ("image", "decoded in moved frames", "slots")


@dataclasses.dataclass(frozen=True)
class Move:
    """Carry objects through their scene by their slots' frames, as an animation (GIF).

    Nothing is learnt or optimised for this: the slots stay as they are, and are decoded in frames
    that have been moved. Where the decoder paints single pixels, it paints more of them than the
    model's images have.

    Attributes:
        image: An image file, of any format that Pillow reads.
        model: A folder, or a repo of the Hugging Face Hub.
        out: The animation to write, such as move.gif.
        slot: Which object: the number of a slot, or all, one after another. The numbers and what
            they have of the image are printed.
        path: circle, around the centre of the image; line, through it and back; or none. Default:
            circle; none with --delete or --swap.
        scale: The factor of its size that it reaches half-way, such as 1.5.
        rotate: The angle in degrees that it is turned by half-way.
        delete: Slots to leave out.
        swap: Another image file, a slot here, and a slot there, such as other.png 1 2: each of the
            two objects in the place of the other, before anything is moved.
        seed: Of the initial frames.
    """

    image: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
    model: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")]
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.gif")]
    slot: Annotated[str, tyro.conf.arg(metavar="K|all")] = "all"
    path: paths.Path | None = None
    scale: float = 1.0
    rotate: float = 0.0
    delete: Annotated[tuple[int, ...], tyro.conf.arg(metavar="K…")] = ()
    swap: Annotated[tuple[str, int, int] | None, tyro.conf.arg(metavar="IMAGE K L")] = None
    seed: int = 0


def main(words: Sequence[str] | None = None) -> None:
    """Write the animation, and print which slot is what."""
    options = tyro.cli(Move, args=words, prog="python -m demo.move")
    with exit_with_message(ValueError, OSError):
        check(options)
        model = ISA.from_pretrained(options.model)
        paths.check_fields(model, path_of(options), options.scale, options.rotate)
        animation = animate(model, options)
        with writing_to(options.out, "--out"), hub.atomic_file(options.out) as temporary:
            temporary.write_bytes(animation)
    print(f"In {options.out}")


def check(options: Move) -> None:
    """Raise a `ValueError` for options that cannot be."""
    if options.out.suffix.lower() != ".gif":
        raise ValueError(f"--out must be a .gif, got {options.out}.")
    if options.out.exists():
        raise ValueError(f"{options.out} is there already; name another file with --out.")
    if options.slot != "all" and not options.slot.isdecimal():
        raise ValueError(f"--slot must be a number or all, got {options.slot!r}.")
    if options.scale <= 0:
        raise ValueError(f"--scale must be above 0, got {options.scale:g}.")
    check_seed(options.seed)
    if not (is_moved(options) or options.delete or options.swap):
        raise ValueError("nothing would change: name a --path, or give --scale or --rotate.")


def path_of(options: Move) -> paths.Path:
    """Return the path: by default none for an edit that is seen at once."""
    return options.path or ("none" if options.delete or options.swap else "circle")


def is_moved(options: Move) -> bool:
    """Return whether a slot is to be carried, scaled or turned."""
    return path_of(options) != "none" or options.scale != 1 or options.rotate != 0


def animate(model: ISA, options: Move) -> bytes:
    """Return the animation as GIF, and print which slot is what."""
    scene = Scene.of(Photo.read(options.image, model), model, options.seed)
    print(f"{options.image}:\n{scene.describe()}")
    scene, rows = scene.without(*options.delete), []
    if options.swap is not None:
        name, here, there = options.swap
        other = Scene.of(Photo.read(name, model), model, options.seed)
        print(f"{name}:\n{other.describe()}")
        size = panel_size(model.config.image_size)
        swapped = other.with_slot(there, scene, here)
        scene = scene.with_slot(here, other, there)
        rows = [[enlarged(swapped.image, size), *painted(swapped.render(model, size))]]
    chosen = scene.objects if options.slot == "all" else (scene.check(int(options.slot)),)
    if gone := set(chosen) - set(scene.kept):
        raise ValueError(f"slot {gone.pop()} is deleted; carry another one with --slot.")
    if not chosen:
        raise ValueError("no slot has an object, a hundredth of the image or more; name one.")
    images = [sheet(model, scene, frames, rows) for frames in way(scene, chosen, options)]
    return gif(images, MILLISECONDS if len(images) > 1 else 1000)


def way(scene: Scene, chosen: Sequence[int], options: Move) -> Iterator[Frame]:
    """Iterate over the frames of all slots, from image to image of the animation."""
    if not is_moved(options):
        yield scene.frames
        return
    moments, angle = np.arange(MOMENTS) / MOMENTS, math.radians(options.rotate)
    for slot in chosen:
        moved = paths.carried(scene.frames, slot, moments, path_of(options), options.scale, angle)
        for moment in range(MOMENTS):
            yield jax.tree.map(lambda x, at=moment: x[at], moved)


def sheet(model: ISA, scene: Scene, frames: Frame, rows: list[list[Panel]]) -> Image.Image:
    """Return an image of the animation: the scene's panels, and rows of panels below them."""
    size = panel_size(model.config.image_size)
    first = [enlarged(scene.image, size), *painted(scene.render(model, size, frames))]
    return grid([first, *rows], CAPTIONS)


if __name__ == "__main__":
    with resilient_output():
        main()
