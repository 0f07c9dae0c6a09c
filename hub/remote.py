"""Where models live: a folder, or a repo of the Hugging Face Hub; both give out files."""

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import config_file

Token = str | bool | None

_REPO = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>.*))?", re.ASCII)
_REVISION = re.compile(r"\w[\w./+-]*", re.ASCII)
_LOG_IN = "log in with `hf auth login`, set HF_TOKEN, or pass a token that may"


@dataclasses.dataclass(frozen=True)
class Folder:
    """Files of a local folder."""

    path: Path

    def fetch(self, file: str, largest: int) -> Path:
        """Where the file is; a `ValueError` if it is not there."""
        if not (self.path / file).is_file():
            raise ValueError(f"{self.path} holds no model: no {file} there.")
        return self.path / file


@dataclasses.dataclass
class Repo:
    """Files of a repo on the Hub, through its cache, all of one commit."""

    repo_id: str
    revision: str
    options: Mapping[str, Any]

    def fetch(self, file: str, largest: int) -> Path:
        """Where the file is in the cache, downloaded if need be.

        Raises a `ValueError` if there is no such file, revision or repo, or no permission to read
        it, or if the file has more than `largest` bytes; a `ConnectionError` if it is not cached
        and the Hub does not answer.
        """
        from huggingface_hub import hf_hub_download

        with explained(f"{self.repo_id}@{self.revision}", file):
            plan = hf_hub_download(
                self.repo_id, file, revision=self.revision, dry_run=True, **self.options
            )
            if plan.file_size and plan.file_size > largest:
                raise ValueError(
                    f"{file} of {self.repo_id} has {plan.file_size:,} bytes; at most {largest:,} "
                    "can be right, so it was left there."
                )
            path = Path(hf_hub_download(self.repo_id, file, revision=self.revision, **self.options))
        self.revision = path.parent.name  # the commit, for all files that follow
        return path


def source(
    repo_or_folder: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: Token = None,
    **options: Any,
) -> Folder | Repo:
    """The folder of this name if there is one, else the repo `user/name` or `user/name@revision`.

    Raises a `ValueError` if it is neither a folder nor such a name, if the revision is none that
    git could have, or if a folder is asked for a revision.
    """
    folder, match = Path(repo_or_folder), _REPO.fullmatch(str(repo_or_folder))
    if os.path.isdir(folder):
        if revision is not None:
            raise ValueError(f"{folder} is a folder here, which has no revisions: leave it out.")
        return Folder(folder)
    if match is None or isinstance(repo_or_folder, os.PathLike):
        raise ValueError(f"{folder} is no folder here; a model on the Hub is called user/name.")
    if match["revision"] is not None:
        if revision not in (None, match["revision"]):
            raise ValueError(f"{folder} names another revision than {revision!r}: leave out one.")
        if os.path.isdir(match["repo"]):
            raise ValueError(f"{match['repo']} is a folder here, which has no revisions.")
        revision = match["revision"]
    revision = "main" if revision is None else checked_revision(revision)
    return Repo(match["repo"], revision, dict(token=checked_token(token), **library(), **options))


def library() -> dict[str, Any]:
    """What tells the Hub who asks."""
    return dict(library_name=config_file.LIBRARY, library_version=config_file.version())


def checked_revision(revision: str) -> str:
    """The revision, which becomes part of a path in the cache; a `ValueError` if it is none."""
    if not _REVISION.fullmatch(revision) or ".." in revision or len(revision) > 200:
        raise ValueError(f"a revision is a branch, tag or commit, got {ascii(revision):.60}.")
    return revision


def checked_token(token: Token) -> Token:
    """The token; a `ValueError`, in which it is not printed, if it cannot be sent."""
    if isinstance(token, str) and not re.fullmatch(r"[!-~]+", token):
        raise ValueError("the token is empty or holds spaces or other characters that none has.")
    return token


@contextlib.contextmanager
def explained(where: str, file: str = "") -> Iterator[None]:
    """Turn what the Hub's client raises into one sentence that says what to do."""
    from huggingface_hub import errors

    # Of the HTTP library that the client uses, which changes with its version.
    http_error: type[Exception] = errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]
    try:
        yield
    except (http_error, errors.LocalEntryNotFoundError, ConnectionError) as error:
        raise _explanation(error, where, file) from error
    except (ValueError, RuntimeError) as error:
        # What the client makes of a failed transfer; a plain ValueError is about an argument.
        if isinstance(error, ValueError) and not isinstance(error.__cause__, http_error):
            raise
        raise _explanation(error.__cause__ or error, where, file) from error
    except errors.LocalTokenNotFoundError as error:
        raise ValueError(f"{where} needs a token: {_LOG_IN} use it.") from error
    except OSError as error:
        if error.errno is not None:  # of this machine: a full disk, a cache that is not ours
            raise
        raise ConnectionError(f"{file} of {where} did not arrive whole: try again.") from error


def _explanation(error: BaseException, where: str, file: str) -> Exception:
    from huggingface_hub import errors

    what = f"{file} of {where}" if file else where
    match error:
        case errors.GatedRepoError():
            return ValueError(f"{where} is gated: ask for access on its page, then {_LOG_IN} read.")
        case errors.RepositoryNotFoundError():
            return ValueError(
                f"{where}: no folder of that name is here, and the Hub has no such repo, or a "
                f"private one: check the name, or {_LOG_IN} read it."
            )
        case errors.RevisionNotFoundError():
            return ValueError(f"{where} has no such revision: name a branch, a tag or a commit.")
        case errors.LocalEntryNotFoundError():
            reason = f" ({_reason(error.__cause__)})" if error.__cause__ else ""
            return ConnectionError(
                f"{what} is not in the cache, and the Hub was not asked or did not answer{reason}: "
                "go online without local_files_only and HF_HUB_OFFLINE, and try again."
            )
        case errors.EntryNotFoundError():
            return ValueError(f"{where} holds no model of this library: no {file} there.")
        case errors.HfHubHTTPError() if error.response.status_code in (401, 403):
            return ValueError(f"the Hub refuses {what}: {_LOG_IN} do this.")
        case errors.HfHubHTTPError() if error.response.status_code < 500:
            return ValueError(f"the Hub refuses {what}: {_reason(error)}.")
    return ConnectionError(f"{what}: the Hub did not answer ({_reason(error)}): try again.")


def _reason(error: BaseException | None) -> str:
    """The first line of an error, or its kind, without the link to an explanation of its code."""
    first = next(filter(None, map(str.strip, str(error).splitlines())), "")
    return re.sub(r" for url.*| \(Request ID.*", "", first).rstrip(".") or type(error).__name__
