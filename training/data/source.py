"""A dataset from where `--data` says it is: drawn here, in a folder, or in a repo of the Hub."""

import dataclasses
import re
from pathlib import Path

from isa_eqx import published

from ..config import TrainConfig
from .catalogue import DATASETS, dataset
from .loading import cache_split, load_split, stream_split
from .mirrored import open_mirror
from .procedural import HELD_OUT, draw_split
from .scenes import Batches, Cursor, Scenes, shuffled_batches

PROCEDURAL = "procedural"
_PINNED = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", re.ASCII)


def default_source(name: str) -> str:
    """What a dataset is where nothing else is said: the mirror of the catalogue, or drawn."""
    return dataset(name).repo or PROCEDURAL


def resolve(config: TrainConfig) -> TrainConfig:
    """The same recipe with the commit that its repo is at now, and with as many training images as
    there are; says so where that is fewer.

    Raises a `ValueError` if there are no such scenes to train and to score on; a `ConnectionError`
    if the Hub does not answer.
    """
    if config.data == PROCEDURAL:
        _assert_drawn(config.dataset)
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


def _assert_drawn(name: str) -> None:
    if dataset(name).draw is None:
        able = ", ".join(other for other, spec in DATASETS.items() if spec.draw)
        raise ValueError(
            f"{name} cannot be drawn, only {able}. Turn the release into a mirror, python -m "
            f"hub.mirror {name} --source PATH --to FOLDER, and train on it with --data FOLDER."
        )


def repo_of(data: str) -> str | None:
    """The repo of a pinned source, if it is in one."""
    match = _PINNED.fullmatch(data)
    return match[1] if match else None


def short_name(data: str) -> str:
    """What to call a pinned source in a title."""
    match = _PINNED.fullmatch(data)
    return f"{match[1]}@{match[2][:7]}" if match else Path(data).name or data


def describe_data(name: str, data: str) -> str:
    """A sentence on a pinned source, for those who were not there."""
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
    """The first scenes of a split, in memory.

    - `count`: how many; by default all, of procedural scenes 1,000.
    - `data`: `procedural`, a folder, or `user/name[@revision]`; by default what the catalogue says.
    - `size`: (height, width) that pictures of a mirror are resized to; by default as published.

    Raises a `ValueError` that names the row if one is damaged, has no mask, or does not fit.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")
    data = data or default_source(name)
    if data == PROCEDURAL:
        _assert_drawn(name)
        return draw_split(dataset(name), split, HELD_OUT if count is None else count)
    return load_split(open_mirror(data, name), split, size or published(name).image_size, count)


def stream_batches(config: TrainConfig, cursor: Cursor) -> Batches:
    """The training set in batches without end, from a place on.

    Scenes that are drawn or cached are all shuffled, those that are streamed in a buffer.
    """
    size, most = config.model.image_size, config.train_examples
    if config.data == PROCEDURAL:
        images = draw_split(dataset(config.dataset), "train", most).images
    else:
        mirror = open_mirror(config.data, config.dataset)
        if not config.cache:
            return stream_split(
                mirror,
                size,
                batch_size=config.batch_size,
                most=most,
                seed=config.seed,
                cursor=cursor,
            )
        images = cache_split(mirror, size, most)
    return shuffled_batches(images, config.batch_size, config.seed, cursor)
