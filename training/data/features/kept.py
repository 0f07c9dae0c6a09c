"""Rows of numbers that take long to compute, kept in the user's cache folder.

A folder is named by all that its rows depend on, so that rows of anything else are in another one.
What was computed before a program was stopped is there when the next one starts.
"""

import hashlib
import json
import math
import os
from collections.abc import Callable, Generator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

import hub
from hub.common.errors import reason
from hub.common.files import wait_for_folder
from hub.common.terminal import say

ABOUT, ROWS, COUNT = "about.json", "rows.float16", "count.json"
Parts = Generator[np.ndarray, None, None]


def keep(
    about: Mapping[str, Any], count: int, shape: tuple[int, ...], make: Callable[[int], Parts]
) -> np.ndarray:
    """Return the first `count` rows in float16: those that are kept, and those that are made now.

    A program that wants rows which another one is making waits for it. Where they cannot be kept,
    as on a full disk or one without locks, a line says so, and they stay in memory.

    - `about`: all that the rows depend on, as JSON types.
    - `shape`: of a row.
    - `make`: function that makes the rows from a number on, in parts of any length.
    """
    from huggingface_hub import cached_assets_path

    text = json.dumps(about, indent=2, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:32]
    try:
        folder = cached_assets_path(hub.LIBRARY, namespace="features", subfolder=key)
        with wait_for_folder(folder, f"Waiting for another run, which computes {folder}."):
            with hub.atomic_file(folder / ABOUT) as temporary:
                temporary.write_text(text + "\n")
            # Unbuffered: what a full disk refuses would be written once more when it is closed.
            with (folder / ROWS).open("ab", buffering=0) as file:
                return _complete(file, folder, count, shape, make)
    except (OSError, ValueError) as error:
        say(f"They are kept in memory alone: {reason(error)}.")
    return np.concatenate(list(make(0)))[:count]


def _complete(
    file: FileIO, folder: Path, count: int, shape: tuple[int, ...], make: Callable[[int], Parts]
) -> np.ndarray:
    """Append the rows that are missing, and return all; after an error of the disk, from memory."""
    there = _count(folder, 2 * math.prod(shape))
    file.truncate(there * 2 * math.prod(shape))  # what follows was not finished
    made: list[np.ndarray] = []
    for part in make(there) if there < count else ():
        if not made:
            try:
                _append(file, folder, part, there)
                there += len(part)
                continue
            except OSError as error:
                file.truncate(there * 2 * math.prod(shape))
                say(f"The rest is kept in memory alone: {reason(error)}.")
        made.append(part)
    kept = np.memmap(folder / ROWS, np.float16, "r", shape=(there, *shape)) if there else None
    if not made:
        assert kept is not None
        return kept[:count]
    return np.concatenate([*([] if kept is None else [kept]), *made])[:count]


def _count(folder: Path, size: int) -> int:
    """Return how many whole rows are there; `size` is that of one in bytes."""
    try:
        said = json.loads((folder / COUNT).read_text())
        return min(int(said), (folder / ROWS).stat().st_size // size)
    except (OSError, ValueError, TypeError):
        return 0


def _append(file: FileIO, folder: Path, part: np.ndarray, there: int) -> None:
    """Append rows, and say that they are there only once they would survive a loss of power."""
    left = np.ascontiguousarray(part, np.float16).tobytes()
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())
    with hub.atomic_file(folder / COUNT) as temporary:
        temporary.write_text(str(there + len(part)))
