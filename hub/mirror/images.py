"""What `hub.mirror images` is to convert: files of one's own, or any dataset of the Hub."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from ..common.errors import translate_hub_errors
from ..remote import Repo, locate
from .convert import identify
from .sources import Release, find_release
from .sources.tables import read_records, read_repo

IMAGES = "images"


def choose_images(
    sources: Sequence[str], keep_aspect: bool
) -> tuple[Release, list[Path], tuple[str, str]]:
    """Return what reads the images, their files and folders, and `source`, `sizes` of a manifest.

    - `sources`: files and folders, or one dataset of the Hub, `user/name` or `user/name@revision`,
      if there is no folder of that name.
    - `keep_aspect`: keep all of an image, not the square in its middle.

    Raises a `ValueError` if a source is neither; a `ConnectionError` if the Hub does not answer.
    """
    release = find_release(IMAGES)
    if len(sources) == 1 and (place := _repo(sources[0])) is not None:
        repo, commit = place.repo_id, _commit(place.repo_id, place.revision)
        title = f"Images of {repo}"
        about = f"Images of the dataset [{repo}](https://huggingface.co/datasets/{repo})."
        release = dataclasses.replace(
            release,
            title=title,
            about=about,
            records=lambda dataset, paths: read_repo(repo, commit, keep_aspect),
        )
        return release, [], (f"{repo}@{commit}", str(keep_aspect))
    for source in sources:
        if not os.path.exists(source):
            raise ValueError(
                f"{source} is no file or folder here, and no user/name of the Hub either."
            )
    paths = list(map(Path, sources))
    names, sizes = identify(paths)
    release = dataclasses.replace(
        release, records=lambda dataset, paths: read_records(dataset, paths, keep_aspect)
    )
    return release, paths, (f"{names}{'-aspect' * keep_aspect}", sizes)


def _repo(name: str) -> Repo | None:
    """Return the dataset repo of this name, `None` if it is a file or folder, or cannot be one."""
    if os.path.exists(name):
        return None
    try:
        place = locate(name, repo_type="dataset")
    except ValueError:
        return None
    return place if isinstance(place, Repo) else None


def _commit(repo: str, revision: str) -> str:
    """Return the commit that a revision is now."""
    from huggingface_hub import HfApi

    absent = f"{repo} is no folder here, and the Hub has no such dataset, or a private one"
    with translate_hub_errors(f"reading {repo}", absent):
        commit = HfApi().dataset_info(repo, revision=revision).sha
    assert commit is not None
    return commit
