"""Uploading files as one commit of a repo on the Hub."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .card import with_loading_line
from .common.errors import translate_hub_errors
from .remote import Token, library_info, validate_repo_id, validate_revision, validate_token

CARD = "README.md"


def create_repo(
    repo_id: str, *, private: bool | None = None, token: Token = None, repo_type: str = "model"
) -> None:
    """Create a repo if it is absent, and check that it may be written to.

    - `private`: of a new repo; `None` for the owner's default.
    - `repo_type`: `model`, `dataset` or `space`, an app of gradio.

    Raises a `ValueError` if the name is invalid, if permission is missing, or if `private` is set
    and the repo is public; a `ConnectionError` if the Hub does not answer.
    """
    with _connect(repo_id, token) as api:
        _ensure_repo(api, dict(repo_id=repo_id, repo_type=repo_type), private, is_written=True)


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
    """Upload files to a repo in one commit: all of them or none.

    - `files`: by their names in the repo. In a card, the line that loads the model is changed to
      load it from the repo.
    - `keep_card`: leave the card out if the repo has one.
    - `private`, `repo_type`: as for `create_repo`, which is called first.
    - `revision`: the branch, created if absent; `None` for the default branch.
    - `create_pr`: open a pull request instead, to an existing branch.

    Returns the URL of the commit or pull request; of the last commit if nothing has changed.
    Errors: see `create_repo`. After an error the repo is unchanged, or empty if it is new, unless
    only the Hub's answer was lost.
    """
    from huggingface_hub import CommitOperationAdd

    if revision is not None:
        validate_revision(revision)
    at = f"{repo_id}@{revision}" if revision and not create_pr else repo_id
    with _connect(repo_id, token) as api:
        repo = dict(repo_id=repo_id, repo_type=repo_type)
        _ensure_repo(api, repo, private, is_written=not create_pr)
        with _ensure_branch(api, repo, None if create_pr else revision):
            if keep_card and api.file_exists(**repo, filename=CARD, revision=revision):
                files = {name: file for name, file in files.items() if name != CARD}
            commit = api.create_commit(
                **repo,
                operations=[
                    CommitOperationAdd(name, _card_for(file, at) if name == CARD else file)
                    for name, file in files.items()
                ],
                commit_message=commit_message,
                revision=revision,
                create_pr=create_pr,
            )
    return commit.pr_url or commit.commit_url


@contextlib.contextmanager
def _connect(repo_id: str, token: Token) -> Iterator[Any]:
    from huggingface_hub import HfApi

    validate_repo_id(repo_id)
    with translate_hub_errors(
        f"pushing to {repo_id}", f"the Hub has no repo {repo_id}, or a private one"
    ):
        yield HfApi(token=validate_token(token), **library_info())


def _ensure_repo(api: Any, repo: dict[str, str], private: bool | None, is_written: bool) -> None:
    sdk = "gradio" if repo["repo_type"] == "space" else None
    api.create_repo(**repo, private=private, exist_ok=True, space_sdk=sdk)
    if is_written:  # creating a repo that is there succeeds for all who see it
        api.auth_check(**repo, write=True)
    if private and not api.repo_info(**repo).private:
        raise ValueError(
            f"{repo['repo_id']} is there and public; make it private on its page first."
        )


@contextlib.contextmanager
def _ensure_branch(api: Any, repo: dict[str, str], name: str | None) -> Iterator[None]:
    """Create a branch if it is absent, and delete it again if the block fails before a commit."""
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


def _card_for(card: Path, name: str) -> bytes:
    try:
        return with_loading_line(card.read_text(encoding="utf-8"), name).encode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{CARD} must be UTF-8: {error}.") from error
