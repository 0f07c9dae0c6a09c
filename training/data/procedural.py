"""Scenes that are drawn by this library."""

import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from isa_eqx import check_choice

from .catalogue import Dataset
from .resize import Resize
from .scenes import Images, Scenes

# One seed for the data of every run: the seed of a run changes weights and order, not the task.
DATA_SEED = 0
SPLITS = ("train", "validation", "test")
HELD_OUT = 1000  # images in validation and in test
CHUNK = 4096


def draw_split(spec: Dataset, split: str, count: int = HELD_OUT) -> Scenes:
    """Draw the first `count` scenes of a split, in the size that they are drawn in."""
    check_choice("split", split, SPLITS)
    assert spec.draw is not None
    starts, chunks = range(0, count, CHUNK), []
    bar = tqdm(starts, f"drawing {split}", leave=False, disable=len(starts) == 1, unit="chunk")
    for start in bar:
        # Always a full chunk, so that one program serves every count.
        indices = jnp.arange(start, start + min(CHUNK, _power_of_two(count)), dtype=jnp.uint32)
        part = spec.draw(DATA_SEED, SPLITS.index(split), indices)
        chunks.append([np.asarray(array) for array in part])
    images, labels = (np.concatenate(part)[:count] for part in zip(*chunks, strict=True))
    size = labels.shape[1:]
    return Scenes(Images(images, Resize(size, size)), labels)


def _power_of_two(count: int) -> int:
    return 1 << max(count - 1, 0).bit_length()
