"""The scenes that `--data` names: drawn here, or from a mirror in a folder or on the Hub."""

import dataclasses
import functools
import math
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax

from hub.mirror import PROCEDURAL
from isa_eqx import PrincipalComponents, check_choice, published

from ..config import TrainConfig
from .catalogue import dataset
from .drawing import HELD_OUT, draw_batches, draw_images, draw_split
from .features.maps import (
    Split,
    describe_files,
    fit_to,
    stream_features,
    training_features,
    with_features,
)
from .loading import cache_split, load_split, read_images, stream_split
from .mirrored import open_mirror
from .scenes import Batches, Images, Place, Scenes, shuffled_batches

MANY_BYTES = 4_000_000_000
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
    train, validation = (split_name(config.subset, split) for split in ("train", "validation"))
    if config.data == PROCEDURAL:
        _check_drawn(config.dataset, train)
        _warn_of_memory(config)
        return config
    mirror = open_mirror(config.data, config.dataset)
    count, held_out = mirror.count(train, config.train_examples), mirror.count(validation)
    if not mirror.finished:
        print(f"{config.data} is not finished; this takes what is there.")
    if count < config.train_examples:
        print(
            f"{config.data} has {count:,} images to train on, the recipe wants "
            f"{config.train_examples:,}; {held_out:,} are to validate on."
        )
    return dataclasses.replace(config, data=mirror.name, train_examples=count)


def _check_drawn(name: str, split: str) -> None:
    """Raise a `ValueError` if this library does not draw a split."""
    if dataset(name).own:
        raise ValueError(
            f"{name} are your own: python -m hub.mirror {name} --source FOLDER --to ./{name}, then "
            f"--data ./{name}."
        )
    check_choice("split", split, tuple(dataset(name).draw))


def _warn_of_memory(config: TrainConfig) -> None:
    """Print a line if the images that are drawn, which stay in memory, are many gigabytes."""
    images = min(config.train_examples, config.steps * config.batch_size)
    size = 3 * images * math.prod(config.model.image_size)
    if size > MANY_BYTES:
        print(
            f"The {images:,} images that will be drawn stay in memory, {size / 1e9:.0f} GB in the "
            f"end. To stream them instead: python -m hub.mirror {config.dataset} --source "
            f"{PROCEDURAL} --to FOLDER, then --data FOLDER."
        )


def split_name(subset: str, split: str) -> str:
    """Return the split of a subset, such as `clevr6_train`; `split` itself of the whole, `""`."""
    return f"{subset}_{split}" if subset else split


def repo_of(data: str) -> str | None:
    """Return the repo of a pinned source, `None` if it is not in one."""
    match = _PINNED.fullmatch(data)
    return match[1] if match else None


def short_name(data: str) -> str:
    """Return a short name of a pinned source, for titles."""
    match = _PINNED.fullmatch(data)
    return f"{match[1]}@{match[2][:7]}" if match else Path(data).name or data


@functools.cache  # at the end of a run, the Hub may be out of reach
def describe_data(name: str, data: str) -> str:
    """Return a sentence that describes a pinned source, for cards."""
    if data == PROCEDURAL:
        return dataset(name).about_drawn
    if dataset(name).own:
        return f"The images are from the mirror `{data}` of `hub.mirror {name}`."
    if open_mirror(data, name).is_procedural:
        return f"{dataset(name).about_drawn} They are from the mirror `{data}` of `hub.mirror`."
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
    - `size`: (height, width) that the images come in; by default as published.

    Raises a `ValueError` that names the row if one is damaged, has no mask, or does not fit.
    """
    if count is not None and count < 1:
        raise ValueError(f"count must be at least 1, got {count}.")
    data, spec = data or default_source(name), dataset(name)
    size = size or published(spec.architecture or name).image_size
    if data == PROCEDURAL:
        _check_drawn(name, split)
        return draw_split(spec, split, size, HELD_OUT if count is None else count)
    return load_split(open_mirror(data, name), split, size, count)


def images_in_order(config: TrainConfig, part: str) -> Split:
    """Return the images of a split of a run in order, and all that they depend on.

    - `part`: train or validation.
    """
    split, size = split_name(config.subset, part), config.model.image_size
    about: dict[str, Any] = dict(dataset=config.dataset, split=split, data=config.data)
    if config.data == PROCEDURAL:
        spec = dataset(config.dataset)
        return Split(about, functools.partial(draw_images, spec, split, size))
    mirror = open_mirror(config.data, config.dataset)
    about["files"] = describe_files(mirror.files[split])
    return Split(about, functools.partial(read_images, mirror, split, size))


def fitted_components(config: TrainConfig) -> PrincipalComponents | None:
    """Return the components that slots are to explain, fitted to the first training images.

    `None` if they explain colours, or the backbone's vectors as they are.
    """
    model = config.model
    if model.components == model.backbone_size:  # which of colours are both none
        return None
    return fit_to(config, images_in_order(config, "train"))


def load_validation(config: TrainConfig) -> Scenes:
    """Load the scenes that a run is scored on."""
    split, size = split_name(config.subset, "validation"), config.model.image_size
    return load(config.dataset, split, data=config.data, size=size)


def with_validation_features(
    scenes: Scenes, config: TrainConfig, components: PrincipalComponents | None
) -> Scenes:
    """Return the scenes of `load_validation`, with their features if slots explain these."""
    if config.model.target == "colours":
        return scenes
    about = images_in_order(config, "validation").about
    return with_features(scenes, config.model, about, components)


def stream_batches(
    config: TrainConfig, step: int = 0, components: PrincipalComponents | None = None
) -> Batches:
    """Iterate over shuffled batches of the training set without end, from after `step` on.

    Procedural and cached images are all shuffled, streamed ones in a buffer. On several hosts,
    each gets its part of a batch. Where slots explain features, batches are of these: on a CPU
    those that have been computed once, elsewhere of the images when they come.

    - `components`: of the model, if slots explain features.
    """
    hosts = dict(host=jax.process_index(), hosts=jax.process_count())
    seed = config.seed if config.data_seed is None else config.data_seed
    place = Place(config.batch_size, step, seed, **hosts)
    if config.model.target == "colours":
        return _stream_images(config, place)
    if jax.default_backend() == "cpu":
        maps = training_features(config, images_in_order(config, "train"), components)
        return shuffled_batches(maps, place)
    return stream_features(_stream_images(config, place), config.model, components)


def _stream_images(config: TrainConfig, place: Place) -> Generator[Images, None, None]:
    split, size = split_name(config.subset, "train"), config.model.image_size
    if config.data == PROCEDURAL:
        spec = dataset(config.dataset)
        return draw_batches(spec, split, size, count=config.train_examples, place=place)
    mirror = open_mirror(config.data, config.dataset)
    if config.cache:
        images = cache_split(mirror, split, size, config.train_examples)
        return shuffled_batches(images, place)
    return stream_split(mirror, split, size, max_rows=config.train_examples, place=place)
