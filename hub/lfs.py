"""Git LFS: what a clone without it has in place of a large file."""

from pathlib import Path

POINTER = b"version https://git-lfs"


def check_is_here(path: Path, start: bytes) -> None:
    """Raise a `ValueError` if a file is a pointer to where Git LFS has the real one.

    - `start`: its first bytes.
    """
    if start.startswith(POINTER):
        raise ValueError(
            f"{path} is a pointer of Git LFS, not the file itself: fetch that by `git lfs pull` in "
            "the clone."
        )
