"""Locations of models and mirrors: a folder, or a repo of the Hub through its cache."""

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import config_file
from .common.errors import translate_hub_errors

Token = str | bool | None

_REPO = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>.*))?", re.ASCII | re.DOTALL)
_REVISION = re.compile(r"\w[\w./+-]*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Folder:
    """Files of a local folder."""

    path: Path
    advice = ""

    def fetch(self, file: str, largest: int) -> Path:
        """Return the path of a file. Raises a `ValueError` if it is absent or too large.

        - `largest`: in bytes.
        """
        path = self.path / file
        if not path.is_file():
            raise ValueError(f"{self.path} holds no model: no {file} there.")
        _check_size(path.stat().st_size, largest, str(path))
        return path


@dataclasses.dataclass
class Repo:
    """Files of a repo on the Hub, through its cache, all of one commit."""

    repo_id: str
    revision: str
    options: Mapping[str, Any]
    commit: str | None = None
    advice = " If a download was damaged, force_download=True fetches it again."

    def fetch(self, file: str, largest: int) -> Path:
        """Return the path of a file in the cache, downloading it if it is not there.

        Raises a `ValueError` if there is no such file, revision or repo, no permission to read it,
        or if the file has more than `largest` bytes; a `ConnectionError` if it is not cached and
        the Hub does not answer.
        """
        from huggingface_hub import hf_hub_download

        what = f"{file} of {self.repo_id}@{self.revision}"
        options: dict[str, Any] = dict(revision=self.commit or self.revision, **self.options)
        absent = (
            f"{self.repo_id}: no folder of that name is here, and the Hub has no such repo, or a "
            "private one"
        )
        with translate_hub_errors(what, absent):
            plan = hf_hub_download(self.repo_id, file, dry_run=True, **options)
            _check_size(plan.file_size or 0, largest, what)
            path = Path(hf_hub_download(self.repo_id, file, **options))
        self.commit = path.parent.name  # for all files that follow
        return path


def locate(
    repo_or_folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: Token = None,
    **options: Any,
) -> Folder | Repo:
    """Return the folder of this name if there is one, else the repo `user/name[@revision]`.

    - `options`: of `huggingface_hub.hf_hub_download`.

    Raises a `ValueError` if the name is neither a folder nor `user/name`, if the revision is not a
    valid one, or if a revision is given for a folder.
    """
    name = os.fspath(repo_or_folder)
    if os.path.isdir(name):
        if revision is not None:
            raise ValueError(f"{name!r} is a folder here, which has no revisions: leave it out.")
        return Folder(Path(name))
    if isinstance(repo_or_folder, os.PathLike):
        raise ValueError(f"there is no folder {name!r}; name a repo of the Hub by a string.")
    match = _REPO.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no folder here; a model on the Hub is called user/name.")
    if match["revision"] is not None:
        if revision not in (None, match["revision"]):
            raise ValueError(f"{name!r} names another revision than {revision!r}: leave out one.")
        if os.path.isdir(match["repo"]):
            raise ValueError(f"{match['repo']!r} is a folder here, which has no revisions.")
        revision = match["revision"]
    revision = "main" if revision is None else validate_revision(revision)
    return Repo(
        match["repo"], revision, dict(token=validate_token(token), **library_info(), **options)
    )


def library_info() -> dict[str, Any]:
    """Return the library's name and version, by which the Hub counts downloads."""
    return dict(library_name=config_file.LIBRARY, library_version=config_file.version())


def validate_repo_id(repo_id: str) -> str:
    """Return `repo_id` if it has the form `user/name`. Raises a `ValueError` otherwise."""
    match = _REPO.fullmatch(repo_id)
    if match is None or match["revision"] is not None:
        raise ValueError(f"a repo on the Hub is called user/name, got {repo_id!r:.100}.")
    return repo_id


def validate_revision(revision: str) -> str:
    """Return `revision` if git could have it. Raises a `ValueError` otherwise.

    It becomes part of a path in the cache.
    """
    if not _REVISION.fullmatch(revision) or ".." in revision or len(revision) > 200:
        raise ValueError(f"a revision is a branch, tag or commit, got {ascii(revision):.60}.")
    return revision


def validate_token(token: Token) -> Token:
    """Return `token` if a header can hold it. Raises a `ValueError` that hides it otherwise."""
    if isinstance(token, str) and not re.fullmatch(r"[!-~]+", token):
        raise ValueError("the token is empty or holds spaces or other characters that none has.")
    return token


def _check_size(size: int, largest: int, what: str) -> None:
    if size > largest:
        raise ValueError(
            f"{what} has {size:,} bytes; at most {largest:,} can be right, so it was left there."
        )
