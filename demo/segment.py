"""Masks for photos: `python -m demo.segment PHOTO… --model FOLDER|USER/NAME --out DIR`."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro
from jaxtyping import Array, Float
from PIL import Image

import hub
from hub.common.errors import exit_with_message, writing_to
from hub.common.files import is_empty
from hub.common.terminal import printable, resilient_output
from isa_eqx import ISA, Colours, Output

from .coco import CATEGORY, annotations
from .painting import indexed, overlay
from .photo import OUTSIDE, Photo, check_seed, explain

COCO = "coco.json"


@dataclasses.dataclass(frozen=True)
class Segment:
    """Segment photos of any size and format: an overlay, a label map and the slots of each.

    A model sees the part in the middle that has the shape of its images, shrunk to their size.
    Masks are in the size of the photo. Files that cannot be read are named, and the others done.

    Attributes:
        photos: Image files, of any format that Pillow reads.
        model: A folder, or a repo of the Hugging Face Hub.
        out: A new folder for NAME_overlay.png; NAME_labels.png, the slot of each pixel, 255 where
            the model has not looked; NAME.npz, slots, frames and masks; and coco.json, all masks as
            COCO annotations.
        masks: Whose masks: the decoder's or the attention's, enlarged to the photo; auto takes the
            better ones, which are the attention's where a model with frames explains features.
        resolution: Height, in pixels, of what a model of features sees (448), for finer masks: its
            slots stay the same. By default that of its training.
        seed: Of the initial frames.
    """

    photos: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO…")]
    model: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")]
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    masks: Literal["auto", "decoder", "attention"] = "auto"
    resolution: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: as trained)")
    ] = None
    seed: int = 0


def main(words: Sequence[str] | None = None) -> None:
    """Segment photos, a line each. The exit status is 1 if one could not be read."""
    options = tyro.cli(Segment, args=words, prog="python -m demo.segment")
    with exit_with_message(ValueError, OSError):
        check_empty(options.out, "--out")
        check_seed(options.seed)
        if not options.photos:
            raise ValueError("name at least one photo.")
        model = ISA.from_pretrained(options.model)
        model = model if options.resolution is None else model.at_resolution(options.resolution)
        with writing_to(options.out, "--out"):
            failed = segment(model, options)
    if failed:
        sys.exit(f"{failed} of {len(options.photos)} could not be segmented.")


def check_empty(folder: Path, option: str) -> None:
    """Raise a `ValueError` that names the option if the folder is none, or holds anything."""
    if folder.exists() and not (folder.is_dir() and is_empty(folder)):
        raise ValueError(f"{folder} is not empty; name a new folder with {option}.")


def chosen_masks(out: Output, model: ISA, masks: str) -> Float[Array, "k y x"]:
    """Return the masks of slots, at the pixels or patches where they are known.

    - `masks`: as of `Segment`.
    """
    if (model.config.masks_of if masks == "auto" else masks) == "attention":
        return out.attention.reshape(-1, *model.config.feature_size)
    return out.painted.masks


def segment(model: ISA, options: Segment) -> int:
    """Segment the photos, and return how many could not be read."""
    content: dict[str, Any] = dict(images=[], annotations=[], categories=[CATEGORY])
    failed, slots = 0, model.config.num_slots
    names = unique_names(options.photos)
    try:
        for number, (path, name) in enumerate(zip(options.photos, names, strict=True)):
            try:
                photo = Photo.read(path, model)
            except ValueError as error:
                print(printable(error), file=sys.stderr)
                failed += 1
                continue
            out = explain(model, photo.seen(model), np.uint32(options.seed))
            labels = photo.label_map(chosen_masks(out, model, options.masks))
            height, width = labels.shape
            write(options.out, name, photo, labels, out)
            about = dict(file_name=path, height=height, width=width, labels=f"{name}_labels.png")
            content["images"].append(dict(id=number) | about)
            found = annotations(labels, slots, number, len(content["annotations"]) + 1)
            content["annotations"] += found
            place = printable(options.out / f"{name}_labels.png")
            print(f"{printable(path)}: {len(found)} of {slots} slots in {place}")
    finally:  # also of those that are done when it is stopped
        if content["images"]:
            with hub.atomic_file(options.out / COCO) as temporary:
                temporary.write_text(json.dumps(content), "utf-8", "backslashreplace")
    return failed


def write(folder: Path, name: str, photo: Photo, labels: np.ndarray, out: Output) -> None:
    """Write the files of a photo."""
    with hub.atomic_file(folder / f"{name}_overlay.png") as temporary:
        Image.fromarray(overlay(photo.pixels, labels, OUTSIDE)).save(temporary, "png")
    with hub.atomic_file(folder / f"{name}_labels.png") as temporary:
        temporary.write_bytes(indexed(labels))
    rows, columns = photo.box
    arrays = dict(
        slots=out.slots, position=out.frames.position, scale=out.frames.scale,
        rotation=out.frames.rotation, masks=out.masks, attention=out.attention,
    )  # fmt: skip
    if isinstance(out.painted, Colours):
        arrays["slot_reconstructions"] = out.slot_reconstructions
        arrays["reconstruction"] = out.reconstruction
    box = np.array([rows.start, rows.stop, columns.start, columns.stop])
    with hub.atomic_file(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, box=box, **jax.device_get(arrays))


def unique_names(paths: Sequence[str]) -> list[str]:
    """Return the names of files without suffix, numbered from the second of the same name on."""
    found: list[str] = []
    for path in paths:
        stem = Path(path).stem or "photo"
        name, count = stem, 1
        while name.lower() in map(str.lower, found):  # as some file systems compare them
            count += 1
            name = f"{stem}-{count}"
        found.append(name)
    return found


if __name__ == "__main__":
    with resilient_output():
        main()
