"""The scenes that `--data` names: drawn here, or from a mirror in a folder or on the Hub."""

import dataclasses
import re
from pathlib import Path

from isa_eqx import check_choice, published

from ..config import TrainConfig
from .catalogue import dataset
from .drawing import HELD_OUT, draw_batches, draw_split
from .loading import cache_split, load_split, stream_split
from .mirrored import open_mirror
from .scenes import Batches, Cursor, Scenes, shuffled_batches

PROCEDURAL = "procedural"
_PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", re.ASCII)


def default_source(name: str) -> str:
    """Return the default source of a dataset: the mirror in the catalogue, else `procedural`."""
    return dataset(name).repo or PROCEDURAL


def resolve(config: TrainConfig) -> TrainConfig:
    """Return the recipe with its repo pinned to the current commit, and with as many training
    images as there are. Prints a line if these are fewer than asked for.

    Raises a `ValueError` if there are no scenes to train on or to score; a `ConnectionError` if
    the Hub does not answer.
    """
    if config.data == PROCEDURAL:
        return config
    mirror = open_mirror(config.data, config.dataset)
    count, held_out = mirror.count("train", config.train_examples), mirror.count("validation")
    if not mirror.finished:
        print(f"{config.data} is not finished; this takes what is there.")
    if count < config.train_examples:
        print(
            f"{config.data} has {count:,} images to train on, the recipe wants "
            f"{config.train_examples:,}; {held_out:,} are to validate on."
        )
    return dataclasses.replace(config, data=mirror.name, train_examples=count)


def repo_of(data: str) -> str | None:
    """Return the repo of a pinned source, `None` if it is not in one."""
    match = _PINNED.fullmatch(data)
    return match[1] if match else None


def short_name(data: str) -> str:
    """Return a short name of a pinned source, for titles."""
    match = _PINNED.fullmatch(data)
    return f"{match[1]}@{match[2][:7]}" if match else Path(data).name or data


def describe_data(name: str, data: str) -> str:
    """Return a sentence that describes a pinned source, for cards."""
    if data == PROCEDURAL:
        return dataset(name).about_drawn
    return f"The scenes are those of the release, from the mirror `{data}` of `hub.mirror`."


def load(
    name: str,
    split: str,
    count: int | None = None,
    *,
    data: str | None = None,
    size: tuple[int, int] | None = None,
) -> Scenes:
    """Load the first scenes of a split into memory.

    - `count`: their number; by default all, and 1,000 of procedural scenes.
    - `data`: `procedural`, a folder, or `user/name[@revision]`; by default that of the catalogue.
    - `size`: (height, width) to resize the images of a mirror to; by default as published.

    Raises a `ValueError` that names the row if one is damaged, has no mask, or does not fit.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")
    data = data or default_source(name)
    if data == PROCEDURAL:
        spec = dataset(name)
        check_choice("split", split, tuple(spec.draw))
        return draw_split(spec, split, HELD_OUT if count is None else count)
    return load_split(open_mirror(data, name), split, size or published(name).image_size, count)


def stream_batches(config: TrainConfig, cursor: Cursor) -> Batches:
    """Iterate over shuffled batches of the training set without end, from `cursor` on.

    Procedural and cached images are all shuffled, streamed ones in a buffer.
    """
    size, max_rows = config.model.image_size, config.train_examples
    if config.data == PROCEDURAL:
        spec = dataset(config.dataset)
        return draw_batches(spec, max_rows, config.batch_size, config.seed, cursor)
    mirror = open_mirror(config.data, config.dataset)
    if config.cache:
        images = cache_split(mirror, size, max_rows)
        return shuffled_batches(images, config.batch_size, config.seed, cursor)
    return stream_split(
        mirror,
        size,
        batch_size=config.batch_size,
        max_rows=max_rows,
        seed=config.seed,
        cursor=cursor,
    )
