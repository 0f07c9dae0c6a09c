"""The datasets, by name, and their splits."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt8, UInt32

from isa_eqx import one_of

from . import tetrominoes

# One seed for the data of every run: the seed of a run changes weights and order, not the task.
DATA_SEED = 0
SPLITS = ("train", "validation", "test")
HELD_OUT = 1000  # images in validation and in test
CHUNK = 4096

Draw = Callable[
    [int, int, UInt32[Array, " b"]], tuple[UInt8[Array, "b h w 3"], UInt8[Array, "b h w"]]
]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Where scenes come from, and how they are scored.

    - `draw`: (seed, split, indices) → images and label maps; the same arguments, the same scenes.
    - `source`: what to call it beside a result.
    - `about`: a sentence on it for those who were not there.
    - `num_labels`: labels are 0 … num_labels - 1.
    - `background`: the labels that FG-ARI leaves out.
    """

    draw: Draw
    source: str
    about: str
    num_labels: int
    background: tuple[int, ...]


DATASETS = {
    "tetrominoes": Dataset(
        tetrominoes.scenes,
        "procedural",
        "The scenes are procedural: this library draws them as the released Tetrominoes are, at "
        "arbitrary offsets, from a fixed seed; they are not the released ones.",
        tetrominoes.NUM_PIECES + 1,
        background=(0,),
    )
}


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Images, 0 to 255, and their label maps, in memory."""

    images: UInt8[np.ndarray, "n h w 3"]
    labels: UInt8[np.ndarray, "n h w"]


def dataset(name: str) -> Dataset:
    """A dataset by name; a `ValueError` with the valid ones for any other."""
    one_of("dataset", name, tuple(DATASETS))
    return DATASETS[name]


def load(name: str, split: str, count: int = HELD_OUT) -> Scenes:
    """The first `count` scenes of a split."""
    one_of("split", split, SPLITS)
    draw = dataset(name).draw
    chunks = []
    for start in range(0, count, CHUNK):
        # Always a full chunk, so that one program serves every count.
        indices = jnp.arange(start, start + min(CHUNK, _power_of_two(count)), dtype=jnp.uint32)
        chunks.append([np.asarray(part) for part in draw(DATA_SEED, SPLITS.index(split), indices)])
    images, labels = (np.concatenate(part)[:count] for part in zip(*chunks, strict=True))
    return Scenes(images, labels)


def _power_of_two(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()
