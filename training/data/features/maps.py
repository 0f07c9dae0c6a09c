"""The features of a run's images: computed once and kept, or of each batch when it comes."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import hub
from hub.common.prefetch import prefetch
from hub.common.terminal import progress_bar
from isa_eqx import ISAConfig, PrincipalComponents, backbones, fit_components
from isa_eqx.backbones import ViT

from ...config import TrainConfig
from ..scenes import FeatureMaps, Images, Scenes
from .extractor import Extractor
from .kept import Parts, keep

FITTED = 256  # images that principal components are fitted to
PART = 64  # images whose features are kept at once
BATCHES_AHEAD = 2
# Files whose code the features depend on, beside what a recipe says.
_CODE = "training/data", "isa_eqx/backbones", "isa_eqx/components.py"

InOrder = Callable[[int, int], Iterable[Images]]


@dataclasses.dataclass(frozen=True)
class Split:
    """The images of a split, in order.

    - `about`: all that they depend on, as JSON types.
    - `read`: function of the numbers of the first image and of the one after the last.
    """

    about: dict[str, Any]
    read: InOrder


def fit_to(config: TrainConfig, images: Split) -> PrincipalComponents:
    """Return principal components that are fitted to the first images of a split."""
    vectors = _fitting_vectors(config, images)
    return fit_components(config.model, vectors.reshape(-1, config.model.backbone_size))


def training_features(
    config: TrainConfig, images: Split, components: PrincipalComponents | None
) -> FeatureMaps:
    """Return the features of the training images."""
    known = None if components is None else _fitting_vectors(config, images)
    return _kept(config.model, images, config.train_examples, components, known)


def with_features(
    scenes: Scenes, model: ISAConfig, about: dict[str, Any], components: PrincipalComponents | None
) -> Scenes:
    """Return scenes with their features.

    - `about`: all that they depend on, as JSON types.
    """

    def read(first: int, end: int) -> Generator[Images, None, None]:
        yield from (scenes.images[n : min(n + PART, end)] for n in range(first, end, PART))

    features = _kept(model, Split(about, read), len(scenes), components)
    return dataclasses.replace(scenes, features=features)


def stream_features(
    batches: Iterable[Images], model: ISAConfig, components: PrincipalComponents | None
) -> Generator[FeatureMaps, None, None]:
    """Iterate over the features of batches, computed two batches ahead."""
    return prefetch(_extractor(model, components).each(batches), BATCHES_AHEAD)


def _fitting_vectors(config: TrainConfig, images: Split) -> np.ndarray:
    """Return the backbone's vectors of the images that components are fitted to."""
    count = min(FITTED, config.train_examples)
    return np.asarray(_kept(config.model, images, count, None).vectors)


def _kept(
    model: ISAConfig,
    images: Split,
    count: int,
    components: PrincipalComponents | None,
    known: np.ndarray | None = None,
) -> FeatureMaps:
    """Return the features of the first images of a split, from the cache, or computed and kept.

    - `known`: the backbone's vectors of the first of them, where there are components.
    """
    channels = model.backbone_size if components is None else model.components
    shape = (*model.target_size, channels)

    def make(first: int) -> Parts:
        bar = progress_bar(total=count, initial=first, desc="features", unit="image", leave=False)
        with bar:
            if known is not None and components is not None:
                project = jax.jit(jax.vmap(jax.vmap(components)))
                for start in range(first, len(known), PART):
                    part = jnp.asarray(known[start : start + PART], jnp.float32)
                    yield np.asarray(project(part))
                    bar.update(len(part))
            rest = images.read(max(first, 0 if known is None else len(known)), count)
            for maps in _extractor(model, components).each(rest):
                yield np.asarray(maps.vectors)
                bar.update(len(maps))

    return FeatureMaps(keep(images.about | _about(model, components), count, shape, make))


def _extractor(model: ISAConfig, components: PrincipalComponents | None) -> Extractor:
    dtype = jnp.bfloat16 if model.dtype == "bfloat16" else None
    return Extractor(_backbone(model.backbone, model.backbone_sha256), components, dtype)


@functools.lru_cache(maxsize=1)
def _backbone(name: str, sha256: str) -> ViT:
    return backbones.load(name, sha256=sha256 or None)


def _about(model: ISAConfig, components: PrincipalComponents | None) -> dict[str, Any]:
    """Return all that features depend on but for the images."""
    arrays = {} if components is None else hub.named_arrays(components)
    held = hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in arrays.values())).hexdigest()
    return dict(
        backbone=model.backbone_sha256,
        size=model.image_size,
        dtype=model.dtype,
        components=held if arrays else None,
        code=_code_digest(),
    )


@functools.cache
def _code_digest() -> str:
    """Return a hash of the code that draws or decodes images and computes features."""
    root, digest = Path(__file__).parents[3], hashlib.sha256()
    for place in _CODE:
        files = [root / place] if place.endswith(".py") else sorted((root / place).rglob("*.py"))
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def describe_files(files: Iterable[str]) -> list[list[Any]]:
    """Return files with what shows that one has changed; those of a pinned repo never do."""
    return [
        [file, *((found.st_size, found.st_mtime_ns) if (found := _stat(file)) else ())]
        for file in files
    ]


def _stat(file: str) -> os.stat_result | None:
    return os.stat(file) if os.path.exists(file) else None
