"""Files → one commit of a repo on the Hub."""

from collections.abc import Mapping
from pathlib import Path

from .remote import Token, checked_revision, checked_token, explained, library

CARD = "README.md"


def create_repo(
    repo_id: str, *, private: bool | None = None, is_written: bool = True, token: Token = None
) -> str:
    """Make sure that a model repo is there, and return its full name.

    - `private`: of a repo that is new; `None` for what its owner has set. One that is there stays
      as it is.
    - `is_written`: whether commits will follow, rather than proposals.

    Raises a `ValueError` for a name that is none and without permission for what follows, and a
    `ConnectionError` if the Hub does not answer.
    """
    from huggingface_hub import HfApi

    with explained(repo_id):
        api = HfApi(token=checked_token(token), **library())
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if is_written:  # creating a repo that is there succeeds for all who see it
            api.auth_check(repo_id, write=True)
        return repo_id


def upload(
    files: Mapping[str, Path | bytes],
    repo_id: str,
    *,
    keep_card: bool = False,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str = "Upload model",
    create_pr: bool = False,
    token: Token = None,
) -> str:
    """Add files, by their name there, to a repo in one commit: all of them, or nothing changes.

    - `keep_card`: leave out `README.md` where the repo has one.
    - `private`: see `create_repo`, which comes first.
    - `revision`: the branch, made if absent; `None` for the default one.
    - `create_pr`: propose the commit instead, on top of that branch.

    Returns the address of the commit, or of the proposal. Raises as `create_repo`.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    if revision is not None:
        checked_revision(revision)
    repo_id = create_repo(repo_id, private=private, is_written=not create_pr, token=token)
    api = HfApi(token=token, **library())
    with explained(repo_id):
        if revision is not None and not create_pr:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        if keep_card and api.file_exists(repo_id, CARD, revision=revision):
            files = {name: file for name, file in files.items() if name != CARD}
        commit = api.create_commit(
            repo_id,
            [CommitOperationAdd(name, file) for name, file in files.items()],
            commit_message=commit_message,
            revision=revision,
            create_pr=create_pr,
        )
    return commit.pr_url or commit.commit_url
