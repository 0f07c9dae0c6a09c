"""`config.json`: what a model is rebuilt from, and who wrote it."""

import hashlib
import importlib.metadata
import json
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .common.files import atomic_file
from .common.lfs import check_is_here

LIBRARY = "isa-eqx"
FORMAT = 1  # of the folder; a reader refuses a newer one than it knows
MAX_BYTES = 100_000  # those of this project have some 700
_KEYS = "model_type", "format_version", "library_version", "fingerprint"


def version() -> str:
    """Return the version of this library, "unknown" if it was never installed."""
    try:
        return importlib.metadata.version(LIBRARY)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def fingerprint(fields: Mapping[str, Any]) -> str:
    """Return a hash of a configuration.

    It is saved with the weights too, so that a save that was interrupted between the two files is
    noticed even if both models have the same shapes.
    """
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def write(path: Path, model_type: str, fields: Mapping[str, Any]) -> None:
    """Write a configuration, with its `model_type`, the format and the library's version."""
    values = model_type, FORMAT, version(), fingerprint(fields)
    record = dict(zip(_KEYS, values, strict=True)) | dict(fields)
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def read(path: Path, model_type: str | None = None) -> tuple[dict[str, Any], str | None]:
    """Read a configuration: its fields, and the fingerprint of the fields that were saved.

    The fields may have been edited since. Nothing in the file is executed or imported. Raises a
    `ValueError` if the file is absent or no JSON object, if its `model_type` is another one, or if
    it was written in a newer format than this library reads.
    """
    record = read_object(path)
    kind, format_version, writer, saved_as = (record.pop(key, None) for key in _KEYS)
    if kind is None or model_type not in (None, kind):
        wanted = f" of {model_type}" if model_type else ""
        raise ValueError(f"{path} is no config{wanted}: its model_type is {reprlib.repr(kind)}.")
    if type(format_version) is not int or format_version < 1:
        got = reprlib.repr(format_version)
        raise ValueError(f"{path} is damaged: format_version must be a whole number, got {got}.")
    if format_version > FORMAT:
        raise ValueError(
            f"{path} was written by {LIBRARY} {reprlib.repr(writer)}, in format "
            f"{reprlib.repr(format_version)}; this is {version()}, which reads up to {FORMAT}: "
            f"update {LIBRARY}."
        )
    if not isinstance(saved_as, (str, type(None))):
        raise ValueError(f"{path} is damaged: fingerprint is {reprlib.repr(saved_as)}.")
    return record, saved_as


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of any writer.

    Raises a `ValueError` if the file is absent, damaged, larger than a configuration can be, or no
    object.
    """
    check_is_here(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
        record = json.loads(text, object_pairs_hook=_without_repeats)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or no config: {error}.") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path} is no config: wanted an object, got {reprlib.repr(record)}.")
    return record


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
