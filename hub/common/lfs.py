"""Git LFS: what a clone without it has in place of a large file."""

import contextlib
from pathlib import Path

_POINTER = b"version https://git-lfs"


def check_is_here(path: Path) -> None:
    """Raise a `ValueError` if a file is a pointer to where Git LFS has the real one."""
    with contextlib.suppress(OSError), path.open("rb") as file:  # who reads it says it better
        if file.read(len(_POINTER)) == _POINTER:
            raise ValueError(
                f"{path} is a pointer of Git LFS, not the file itself: fetch that by `git lfs "
                "pull` in the clone."
            )
