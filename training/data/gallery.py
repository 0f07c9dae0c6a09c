"""A picture of a dataset's scenes: `python -m training.data.gallery clevr --out gallery.png`."""

from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import tyro
from tyro.conf import Positional

from hub import atomic_file
from hub.common.errors import exit_with_message
from hub.common.terminal import resilient_output

from .catalogue import dataset
from .palette import COLOURS, draw_axes
from .scenes import Scenes
from .source import load

ACROSS = 6  # scenes in a row


def draw_gallery(scenes: Scenes, first_object: int, path: Path, title: str) -> None:
    """Draw scenes with their label maps below them, as PNG.

    Above each is the number of its objects. Crosses are their poses, where scenes have them: at the
    position, along the axes, and as long as the scale.

    - `first_object`: labels below it are background.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    palette = np.array([to_rgb(colour) for colour in COLOURS])
    images = np.asarray(scenes.images.floats())
    down, (height, width) = -(-len(scenes) // ACROSS), images.shape[1:3]
    maps = np.zeros(images.shape[:3], np.uint8) if scenes.labels is None else scenes.labels
    figure = Figure(figsize=(1.5 * ACROSS, 3.2 * down * height / width + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = figure.subplots(2 * down, ACROSS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for number, (image, labels) in enumerate(zip(images, maps, strict=True)):
        row, column = 2 * (number // ACROSS), number % ACROSS
        upper, lower = axes[row, column], axes[row + 1, column]
        objects = [n for n in np.unique(labels) if n >= first_object]
        upper.set_title(f"{len(objects)} object{'s' * (len(objects) != 1)}", fontsize=8)
        upper.imshow(np.clip(image, 0, 1), interpolation="nearest")
        shades = palette[labels % len(palette)] * np.where(labels < first_object, 0.4, 1)[..., None]
        lower.imshow(shades, interpolation="nearest")
        for label in objects if scenes.poses is not None else ():
            frame = jax.tree.map(lambda x, at=(number, label): np.asarray(x)[at], scenes.poses)
            draw_axes(lower, frame, (height, width))
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def main(
    name: Annotated[Positional[str], tyro.conf.arg(metavar="DATASET")],
    out: Path,
    split: str = "train",
    count: int = 12,
    data: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="procedural|FOLDER|USER/NAME[@REVISION]",
            help_behavior_hint="(default: the dataset's own mirror, else procedural)",
        ),
    ] = None,
) -> None:
    """Draw the first scenes of a dataset: images, label maps, numbers of objects, true poses.

    Args:
        name: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or waymo_open.
        out: The picture to write, a PNG.
        split: The split, such as train; of procedural scenes also empty_room or camo_train.
        count: The number of scenes.
        data: Where the scenes are, as for training.run.
    """
    with exit_with_message(ValueError, OSError):
        scenes = load(name, split, count, data=data)
        title = f"{name} ({data or 'procedural'}), {split}"
        draw_gallery(scenes, dataset(name).first_object, out, title)


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m training.data.gallery")
