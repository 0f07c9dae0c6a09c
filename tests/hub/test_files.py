"""Files and folders are replaced whole or not at all, on any disk."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

import hub
from hub.common.errors import writing_to
from hub.common.files import _sync, is_empty, lock_folder

from ..ended import full_disk


def test_a_full_disk_is_an_error_of_the_disk_whatever_library_meets_it(tmp_path):
    path, good = tmp_path / "tree.safetensors", {"a": np.zeros(100)}
    hub.save_tree(good, path)
    before = path.read_bytes()
    with full_disk(4096), pytest.raises(OSError) as failed:
        hub.save_tree({"a": np.zeros(100_000)}, path)
    assert failed.value.errno == errno.EFBIG and failed.value.filename == str(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_synchronised_can_be_written_to():
    """That of processes is one: it answers EINVAL, as network disks do."""
    folder = Path("/proc")
    descriptor = os.open(folder, os.O_RDONLY)
    with pytest.raises(OSError) as refused:
        os.fsync(descriptor)
    os.close(descriptor)
    assert refused.value.errno == errno.EINVAL
    _sync(folder)


def test_a_folder_is_replaced_by_one_that_is_whole(tmp_path):
    place = tmp_path / "place"
    for text in ("old", "new"):
        with hub.atomic_folder(place) as folder:
            (folder / "file").write_text(text)
            was = (place / "file").read_text() if place.exists() else None
    assert was == "old" and (place / "file").read_text() == "new"
    with pytest.raises(RuntimeError), hub.atomic_folder(place) as folder:
        raise RuntimeError
    assert list(tmp_path.iterdir()) == [place] and (place / "file").read_text() == "new"


def test_what_file_managers_leave_makes_no_folder_full(tmp_path):
    for name in (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    assert is_empty(tmp_path)
    (tmp_path / "thesis.txt").touch()
    assert not is_empty(tmp_path)


def test_a_lock_keeps_others_out_until_it_is_released(tmp_path):
    said = "another run is writing to .*; wait for it, or stop it"
    with lock_folder(tmp_path), pytest.raises(ValueError, match=said), lock_folder(tmp_path):
        pass
    with lock_folder(tmp_path):
        pass


def test_only_an_error_of_writing_names_the_option(tmp_path):
    (tmp_path / "file").touch()
    path, said = tmp_path / "file/a/b", r"cannot write to .*file/a/b \(Not a directory\); name"
    with pytest.raises(ValueError, match=said), writing_to(path, "--out"), hub.atomic_file(path):
        pass
    with pytest.raises(ConnectionError), writing_to(tmp_path, "--out"):
        raise ConnectionError("the Hub did not answer")
