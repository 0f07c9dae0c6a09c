"""Uploads: files as one commit of a repo on the Hub."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .card import addressed
from .common.errors import explained
from .remote import Token, checked_repo, checked_revision, checked_token, library

CARD = "README.md"


def create_repo(
    repo_id: str, *, private: bool | None = None, token: Token = None, repo_type: str = "model"
) -> None:
    """Make sure that a repo is there and may be written to.

    - `private`: of a repo that is new; `None` for what its owner has set.
    - `repo_type`: `model` or `dataset`.

    Raises a `ValueError` for a name that is none, without permission, and if a repo that should be
    private is there and public; a `ConnectionError` if the Hub does not answer.
    """
    with _talking_to(repo_id, token) as api:
        _create(api, dict(repo_id=repo_id, repo_type=repo_type), private, is_written=True)


def upload(
    files: Mapping[str, Path],
    repo_id: str,
    *,
    keep_card: bool = False,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload model",
    create_pr: bool = False,
    token: Token = None,
    repo_type: str = "model",
) -> str:
    """Add files, by their name there, to a repo in one commit: all of them or none.

    - `files`: the card among them is made to load the model from the repo.
    - `keep_card`: leave it out where the repo has one.
    - `private`, `repo_type`: see `create_repo`, which comes first.
    - `revision`: the branch, made if absent; `None` for the default one.
    - `create_pr`: propose the commit instead, to a branch that is there.

    Returns the address of the commit or proposal; of the last commit if nothing has changed.
    Raises as `create_repo`; then the repo is as it was, or empty if it is new, unless it
    was the Hub's answer that was lost.
    """
    from huggingface_hub import CommitOperationAdd

    if revision is not None:
        checked_revision(revision)
    at = f"{repo_id}@{revision}" if revision and not create_pr else repo_id
    with _talking_to(repo_id, token) as api:
        repo = dict(repo_id=repo_id, repo_type=repo_type)
        _create(api, repo, private, is_written=not create_pr)
        with _branch(api, repo, None if create_pr else revision):
            if keep_card and api.file_exists(**repo, filename=CARD, revision=revision):
                files = {name: file for name, file in files.items() if name != CARD}
            commit = api.create_commit(
                **repo,
                operations=[
                    CommitOperationAdd(name, _addressed(file, at) if name == CARD else file)
                    for name, file in files.items()
                ],
                commit_message=commit_message,
                revision=revision,
                create_pr=create_pr,
            )
    return commit.pr_url or commit.commit_url


@contextlib.contextmanager
def _talking_to(repo_id: str, token: Token) -> Iterator[Any]:
    from huggingface_hub import HfApi

    checked_repo(repo_id)
    with explained(f"pushing to {repo_id}", f"the Hub has no repo {repo_id}, or a private one"):
        yield HfApi(token=checked_token(token), **library())


def _create(api: Any, repo: dict[str, str], private: bool | None, is_written: bool) -> None:
    api.create_repo(**repo, private=private, exist_ok=True)
    if is_written:  # creating a repo that is there succeeds for all who see it
        api.auth_check(**repo, write=True)
    if private and not api.repo_info(**repo).private:
        raise ValueError(
            f"{repo['repo_id']} is there and public; make it private on its page first."
        )


@contextlib.contextmanager
def _branch(api: Any, repo: dict[str, str], name: str | None) -> Iterator[None]:
    """While the block runs the branch is there; a new one goes again if it is left as it began."""
    from huggingface_hub.errors import HfHubHTTPError

    is_proposal = name is not None and name.startswith("refs/")
    is_new, start = name is not None and not is_proposal, None
    if is_new:
        start = api.repo_info(**repo).sha
        try:
            api.create_branch(**repo, branch=name)
        except HfHubHTTPError as error:
            if error.response.status_code != 409:
                raise
            is_new = False
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):
            if is_new and api.repo_info(**repo, revision=name).sha == start:
                api.delete_branch(**repo, branch=name)
        raise


def _addressed(card: Path, name: str) -> bytes:
    try:
        return addressed(card.read_text(encoding="utf-8"), name).encode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{CARD} must be UTF-8: {error}.") from error
