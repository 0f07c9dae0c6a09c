"""Files and folders that are written atomically, and locks on folders."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .terminal import say

# Read once, as reading is writing, for all threads at once.
_UMASK = os.umask(0)
os.umask(_UMASK)
# What a file system says that cannot do it; another error of a file is one of its contents.
_NO_SYNC = errno.EINVAL, errno.ENOSYS, errno.ENOTSUP


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path, which is renamed to `path` if the block succeeds, and deleted if not.

    An `OSError` that names no file, as of a full disk, is made to name `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_UMASK)
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Like `atomic_file`, for a folder and the files in it. Replaces an existing folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_UMASK)
        for file in temporary.iterdir():
            _sync(file)
        _sync(temporary)
        replaced = temporary.with_name(f"{temporary.name}.replaced")
        if path.exists():  # and is deleted only when the new one is in its place
            path.replace(replaced)
        try:
            temporary.replace(path)
        except OSError:
            if replaced.exists():
                replaced.replace(path)
            raise
        shutil.rmtree(replaced, ignore_errors=True)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def lock_folder(path: Path) -> Iterator[None]:
    """Lock a folder against other processes. Raises a `ValueError` if another one has locked it.

    The operating system releases the lock however the process ends. Windows and some network disks
    have no locks; there nothing is locked.
    """
    try:
        import fcntl
    except ModuleNotFoundError:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another run is writing to {path}; wait for it, or stop it."
            ) from error
        except OSError:
            pass  # a disk without locks
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def wait_for_folder(path: Path, busy: str) -> Iterator[None]:
    """Lock a folder against other processes, waiting for one that has locked it.

    - `busy`: what is said before it waits.

    Raises an `OSError` on disks and systems without locks.
    """
    try:
        import fcntl
    except ModuleNotFoundError as error:
        raise OSError("this system has no locks on folders") from error
    descriptor = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(busy)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_empty(folder: Path) -> bool:
    """Return whether a folder holds nothing but what file managers leave, and hidden files."""
    left = "Thumbs.db", "desktop.ini"
    return all(path.name.startswith(".") or path.name in left for path in folder.iterdir())


def remove_temporary_files(folder: Path, *names: str) -> None:
    """Delete what a killed `atomic_file` left of files of these names, which may be patterns."""
    for name in names:
        for temporary in folder.glob(f".{name}.*"):
            temporary.unlink()


def _sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, would survive a loss of power.

    Network file systems, FUSE and Windows cannot do it with folders, some not with files either:
    what is written there is no worse for it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # as of folders on Windows, or under a umask that hides them
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() and error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)
