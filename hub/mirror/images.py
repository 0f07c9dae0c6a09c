"""What `hub.mirror images` is to convert: files of one's own, or any dataset of the Hub."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from ..common.errors import translate_hub_errors
from ..remote import Repo, locate
from .sources import Release, find_own, find_release, find_repo, own_fingerprints

IMAGES = "images"


@dataclasses.dataclass(frozen=True)
class Choice:
    """What is to be converted.

    - `release`: what reads it.
    - `paths`: its files and folders, none of a repo.
    - `identity`: `source` and `sizes` of a manifest.
    - `understood`: a line that says what was found, and what of it is not used.
    """

    release: Release
    paths: Sequence[Path]
    identity: tuple[str, str]
    understood: str


def choose_images(sources: Sequence[str], keep_aspect: bool) -> Choice:
    """Find the images of sources.

    - `sources`: files and folders, or one dataset of the Hub, `user/name` or `user/name@revision`,
      if there is no folder of that name.
    - `keep_aspect`: keep all of an image, not the square in its middle.

    Raises a `ValueError` if a source is neither, or has too few images; a `ConnectionError` if the
    Hub does not answer.
    """
    release = find_release(IMAGES)
    if len(sources) == 1 and (place := _repo(sources[0])) is not None:
        repo, commit = place.repo_id, _commit(place.repo_id, place.revision)
        about = f"Images of the dataset [{repo}](https://huggingface.co/datasets/{repo})."
        release = dataclasses.replace(release, title=f"Images of {repo}", about=about)
        own, paths = find_repo(repo, commit), []
        identity = f"{repo}@{commit}", str(keep_aspect)
    else:
        for source in sources:
            if not os.path.exists(source):
                raise ValueError(
                    f"{source} is no file or folder here, and no user/name of the Hub either."
                )
        paths = list(map(Path, sources))
        own = find_own(paths)
        names, sizes = own_fingerprints(own)
        identity = f"{names}{'-aspect' * keep_aspect}", sizes
    release = dataclasses.replace(release, records=lambda dataset, paths: own.records(keep_aspect))
    return Choice(release, paths, identity, str(own.understood))


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
