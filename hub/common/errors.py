"""Errors in one sentence that says what to do: those of the Hub's client, and a program's last."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .terminal import printable

_LOG_IN = "log in with `hf auth login`, set HF_TOKEN, or pass a token that may"
_TRANSIENT = 408, 409, 412, 425, 429  # and all from 500


@contextlib.contextmanager
def exit_with_message(*kinds: type[Exception]) -> Iterator[None]:
    """End the program with the message of an error of these kinds, without a traceback."""
    try:
        yield
    except kinds as error:
        lines = "\n".join([f"error: {error}", *getattr(error, "__notes__", ())]).split("\n")
        sys.exit("\n".join(map(printable, lines)))


@contextlib.contextmanager
def writing_to(path: Path, option: str) -> Iterator[None]:
    """Turn an `OSError` of the block, other than of a connection, into a `ValueError`: that `path`
    cannot be written to, and that the option names another one.
    """
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        raise ValueError(
            f"cannot write to {path} ({error.strerror or error}); name another with {option}."
        ) from error


@contextlib.contextmanager
def translate_hub_errors(what: str, absent: str) -> Iterator[None]:
    """Translate errors of the Hub's client in the block.

    They become a `ValueError` if the user can mend something, a `ConnectionError` if another try
    may help. An `OSError` of this machine, such as a full disk, is raised as it is.

    - `what`: what the block does; every message begins with it.
    - `absent`: how the message begins if the repo is absent, or hidden from this user.
    """
    from huggingface_hub import errors

    # Of the HTTP library that the client uses, which changes with its version.
    http_error: type[Exception] = errors.HTTPError  # pyright: ignore[reportPrivateImportUsage]
    known = errors.LocalEntryNotFoundError, errors.LocalTokenNotFoundError, ConnectionError
    try:
        yield
    except (http_error, *known) as error:
        raise _explanation(error, what, absent) from error
    except json.JSONDecodeError as error:  # of something on the way, in place of the Hub
        raise ConnectionError(f"{what}: the answer is not the Hub's; try again.") from error
    except UnicodeEncodeError:  # it prints the header that could not be sent
        raise ValueError(f"{what}: the token holds characters that none has.") from None
    except (ValueError, RuntimeError) as error:
        cause = error.__cause__
        if isinstance(error, RuntimeError) or (cause and str(error).startswith("Force download")):
            raise _explanation(cause or error, what, absent) from error
        said = reason(error)
        raise ValueError(f"{said}." if what in said else f"{what}: {said}.") from error
    except OSError as error:
        if error.errno is not None:  # a full disk, a cache that is someone else's
            raise
        raise ConnectionError(f"{what}: {reason(error)}; try again.") from error


def reason(error: BaseException) -> str:
    """Return what an error says, in a line without its full stop; or its type, if it is silent."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = error.strerror + (f": {error.filename}" if error.filename else "")
    return " ".join(said.split()).rstrip(".") or type(error).__name__


def _explanation(error: BaseException, what: str, absent: str) -> Exception:
    from huggingface_hub import errors

    status = _status(error)
    match error:
        case errors.LocalEntryNotFoundError():
            return _not_cached(error.__cause__, what, absent)
        case errors.GatedRepoError():
            return ValueError(f"{what}: ask for access on the repo's page, then {_LOG_IN} read it.")
        case errors.RepositoryNotFoundError():
            return ValueError(f"{absent}: check the name, or {_LOG_IN} see it.")
        case errors.RevisionNotFoundError():
            return ValueError(f"{what}: no such revision; name a branch, a tag or a commit.")
        case errors.EntryNotFoundError():
            return ValueError(f"{what}: no such file there, so it holds no model of this library.")
        case errors.LocalTokenNotFoundError():
            return ValueError(f"{what}: nobody is logged in; {_LOG_IN} do this.")
        case errors.OfflineModeIsEnabled():
            return ConnectionError(f"{what}: HF_HUB_OFFLINE is set; unset it to go online.")
    if status in (401, 403):
        return ValueError(f"{what}: the Hub refuses it ({_answer(error)}); {_LOG_IN} do this.")
    if status is None or status >= 500 or status in _TRANSIENT:
        return ConnectionError(f"{what}: the Hub did not answer ({_answer(error)}); try again.")
    return ValueError(f"{what}: the Hub refuses it ({_answer(error)}).")


def _not_cached(cause: BaseException | None, what: str, absent: str) -> Exception:
    from huggingface_hub import errors

    if cause is None:
        return ConnectionError(
            f"{what} is not in the cache: go online, without local_files_only, to fetch it."
        )
    if isinstance(cause, errors.OfflineModeIsEnabled):
        return ConnectionError(
            f"{what} is not in the cache: go online, without HF_HUB_OFFLINE, to fetch it."
        )
    return _explanation(cause, f"{what} is not in the cache", absent)


def _status(error: Any) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _answer(error: Any) -> str:
    """Return the Hub's message, else the first line of the error, else its type."""
    said = " ".join((getattr(error, "server_message", None) or "").split()).rstrip(".")
    if said and "<" not in said:  # a page of something on the way
        return f"{said:.200}"
    first = next(filter(None, map(str.strip, str(error).splitlines())), "")
    return re.sub(r" for url.*| \(Request ID.*", "", first).rstrip(".:") or type(error).__name__
