"""Backbones in folders and on the Hub: loaded, and pinned to the files that they are now."""

import dataclasses
import hashlib
import math
import os
from pathlib import Path

import hub
from hub import config_file, remote, serialisation
from hub.pretrained import CONFIG, WEIGHTS, name_file_in_errors

from . import dinov2
from .vit import ViT, ViTConfig


@dataclasses.dataclass(frozen=True)
class Pinned:
    """A backbone that cannot change: its name with its commit, its SHA-256, its architecture."""

    name: str
    sha256: str
    config: ViTConfig


def load(
    repo_or_folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    sha256: str | None = None,
    token: remote.Token = None,
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> ViT:
    """Load a backbone: `load("facebook/dinov2-small")`.

    - `repo_or_folder`, `revision`, `token`, `cache_dir`, `force_download`, `local_files_only`: as
      of `ISA.from_pretrained`.
    - `sha256`: of the weights' file, in hexadecimal; another file is refused.

    Only JSON and safetensors are read. Raises a `ValueError` if there is no such backbone, if it is
    of another family or size than those above, if a file is damaged or another one than asked for,
    or if its tensors are not those that its configuration accounts for, listing them; a
    `ConnectionError` if it is not cached and the Hub does not answer.
    """
    place = remote.locate(
        repo_or_folder,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        force_download=force_download,
        local_files_only=local_files_only,
    )
    skeleton, path = _fetch(place)
    with name_file_in_errors(path, place.advice):
        _check_digest(path, sha256)
        return dinov2.fill(skeleton, path)


def pin(repo_or_folder: str | os.PathLike[str], *, sha256: str | None = None) -> Pinned:
    """Return what a backbone is now: a repo is named with its commit, a folder by its full path.

    Arguments and errors: as of `load`.
    """
    place = remote.locate(repo_or_folder)
    skeleton, path = _fetch(place)
    with name_file_in_errors(path, place.advice):
        found = _check_digest(path, sha256)
        dinov2.fill(skeleton, path)  # what is wrong with it shows now
    is_folder = isinstance(place, remote.Folder)
    name = os.path.abspath(place.path) if is_folder else f"{place.repo_id}@{place.commit}"
    return Pinned(name, found, skeleton.config)


def _fetch(place: remote.Folder | remote.Repo) -> tuple[ViT, Path]:
    """Return a backbone with shapes in place of arrays, and the file of its weights."""
    path = place.fetch(CONFIG, config_file.MAX_BYTES)
    with name_file_in_errors(path, place.advice):
        config = dinov2.config_from_hub(config_file.read_object(path))
        skeleton = dinov2.make_skeleton(config)
    numbers = sum(map(math.prod, hub.named_shapes(skeleton).values()))
    return skeleton, place.fetch(WEIGHTS, serialisation.MAX_HEADER_BYTES + 4 * numbers)


def _check_digest(path: Path, wanted: str | None) -> str:
    """Return the SHA-256 of a file. Raises a `ValueError` if it is not the one that is wanted."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted is not None and found != wanted:
        raise ValueError(
            f"this is not the backbone that was asked for: its SHA-256 is {found}, not "
            f"{wanted:.64}."
        )
    return found
