"""How fast procedural scenes are drawn, and what share of a run that takes."""

import time

import jax

from training.config import TrainConfig
from training.data import load
from training.presets import preset
from training.step import initial_state, train_step

from .scenes import Size

DRAWN = {
    "tetrominoes": 20_000,
    "objects_room": 2_000,
    "clevr": 500,
    "clevrtex": 500,
    "multishapenet_easy": 500,
    "waymo_open": 250,
}  # scenes that are timed
STEPS = 30


def sizes(dataset: str) -> list[Size]:
    """Return the sizes of the images of a dataset in the recipes quick and paper."""
    found = [preset(dataset, name=name).model.image_size for name in ("quick", "paper")]
    return list(dict.fromkeys(found))


def draw(dataset: str, size: Size, count: int) -> float:
    """Return procedural scenes per second, with label maps and poses, compiling left out."""
    load(dataset, "train", count, size=size)
    start = time.perf_counter()
    load(dataset, "train", count, size=size)
    return count / (time.perf_counter() - start)


def drawing_share(config: TrainConfig, count: int) -> float:
    """Return the share of a run's work that is drawing its training set, compiling left out.

    Every scene is drawn once. Drawing `count` scenes and some steps of training are timed one after
    the other, each with all cores to itself; in a run the former happens beside the latter.
    """
    size = config.model.image_size
    drawing = config.train_examples / draw(config.dataset, size, count)
    images = load(config.dataset, "train", config.batch_size, size=size).images
    state, _ = train_step(images, initial_state(config), config)
    start = time.perf_counter()
    for _ in range(STEPS):
        state, _ = train_step(images, state, config)
    jax.block_until_ready(state.step)
    training = config.steps * (time.perf_counter() - start) / STEPS
    return drawing / (drawing + training)
