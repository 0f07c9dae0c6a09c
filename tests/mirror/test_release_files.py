"""How releases lie on a person's disk: behind links, among hidden files, named from anywhere."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from hub.mirror import FolderTarget, mirror
from hub.mirror.sources import fingerprints, read_records, read_rows
from hub.mirror.sources.tfrecord import read_records as tfrecords
from training.data import load

from .. import releases
from ..releases import byte_list, encoded, example, multi_object, tfrecord


def test_hidden_files_are_no_part_of_a_release(tmp_path):
    """A Mac leaves one beside each file of a disk of another kind."""
    path, _, _ = multi_object("tetrominoes", tmp_path)
    releases.clevrtex(tmp_path / "tex")
    before = fingerprints([tmp_path])
    (tmp_path / f"._{path.name}").write_bytes(b"\0\5\x16\7")
    (tmp_path / ".DS_Store").write_bytes(b"desktop")
    shutil.copytree(tmp_path / "tex", tmp_path / ".tex")
    assert fingerprints([tmp_path]) == before
    assert len(list(read_records("tetrominoes", [tmp_path]))) == 4
    assert len(list(read_records("clevrtex", [tmp_path]))) == 3


def test_links_to_folders_are_followed_also_in_a_circle(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    releases.clevrtex(there)
    here.mkdir()
    (here / "clevrtex_full").symlink_to(there / "clevrtex_full")
    (there / "clevrtex_full/back").symlink_to(there)
    assert len(list(read_records("clevrtex", [here]))) == 3
    names, _ = fingerprints([here])
    (there / "clevrtex_full/0/CLEVRTEX_full_000009.png").write_bytes(b"new")
    assert fingerprints([here])[0] != names


def test_of_many_links_to_a_folder_the_first_is_followed(tmp_path):
    source, _, _ = releases.clevrtex(tmp_path / "there")
    names = [f"{n:03d}" for n in np.random.default_rng(0).permutation(40)]
    (tmp_path / "links").mkdir()
    for name in names:
        (tmp_path / "links" / name).symlink_to(source)
    found = [record.name for record in read_records("clevrtex", [tmp_path / "links"])]
    assert len(found) == 3 and all(
        f"/links/000/{n}/" in f for n, f in zip("001", found, strict=True)
    )


def splits(*sources):
    return {record.split for record in read_records("waymo_open", sources)}


def test_waymos_split_is_the_nearest_folder_wherever_it_is_named_from(tmp_path, monkeypatch):
    base = tmp_path / "training" / "testing"
    for name in ("training", "validation", "testing"):
        releases.waymo_frames(base, name=name)
    assert splits(base) == {"train", "validation", "test"}
    assert splits(base / "validation") == splits(base / "validation/segment.tfrecord")
    monkeypatch.chdir(base / "validation")
    assert splits(Path(".")) == splits(Path("segment.tfrecord")) == {"validation"}
    (tmp_path / "training/linked").symlink_to(base / "validation")
    assert splits(tmp_path / "training/linked") == {"validation"}


def test_a_folder_that_only_sounds_like_a_split_is_none(tmp_path):
    releases.waymo_frames(tmp_path / "testing_ideas", name="segments")
    assert splits(tmp_path / "testing_ideas") == {"train"}
    (tmp_path / "linked").symlink_to(releases.waymo_frames(tmp_path, name="testing")[0].parent)
    assert splits(tmp_path / "linked") == {"test"}


def test_a_table_in_which_images_and_labels_are_joined(tmp_path):
    folder, images, labels = releases.waymo_tables(tmp_path)
    keys = "key.segment_context_name", "key.frame_timestamp_micros", "key.camera_name"
    parts = [pq.read_table(path) for path in sorted(folder.rglob("*.parquet"))]
    joined = parts[0].join(parts[1], list(keys)).sort_by(keys[1])
    shutil.rmtree(folder)
    folder.mkdir()
    pq.write_table(joined, folder / "joined.parquet")
    found = list(read_rows("waymo_open", [folder], "train"))
    assert [row["has_mask"] for row in found] == [label is not None for label in labels]


def test_padding_behind_gzip_is_no_damage(tmp_path):
    path, _, _ = multi_object("tetrominoes", tmp_path, count=3)
    whole = path.read_bytes()
    for padding in (b"\0" * 5, b"\0" * (1 << 19)):
        path.write_bytes(whole + padding)
        assert len(list(tfrecords(path))) == 3
    path.write_bytes(whole + b"\0" * 600 + whole)
    assert len(list(tfrecords(path))) == 6
    path.write_bytes(gzip.compress(b"")[:-1])
    with pytest.raises(ValueError, match="record 0: the file is cut off in its compressed data"):
        list(tfrecords(path))


def test_a_view_without_labels_is_named(tmp_path):
    image, label = np.zeros((240, 320, 3), np.uint8), np.ones((240, 320), np.uint8)
    features = {"cameras/a/color_image": byte_list([encoded(image)] * 2)}
    features["cameras/a/instance_image"] = byte_list([encoded(label)])
    path = tfrecord(tmp_path / "easy-train.tfrecord", [example(features)], "plain")
    with pytest.raises(ValueError, match="record 0, cameras/a: it has 1 of instance_image, and mo"):
        list(read_rows("multishapenet_easy", [path], "train"))


@pytest.mark.parametrize("name", ["run[1]", "r*n1", "file:", "a b#%", "{x}", "~", "ü'\"", b"b\xff"])
def test_a_mirrors_folder_may_be_called_anything(tmp_path, name):
    """And is not taken for its neighbour."""
    neighbour, _, _ = multi_object("tetrominoes", tmp_path / "neighbour", count=101, seed=1)
    mirror("tetrominoes", [neighbour], FolderTarget(tmp_path / "run1"))
    source, images, _ = multi_object("tetrominoes", tmp_path / "source", count=101)
    folder = tmp_path / os.fsdecode(name)
    mirror("tetrominoes", [source], FolderTarget(folder))
    found = load("tetrominoes", "validation", data=str(folder)).images.pixels
    np.testing.assert_array_equal(found, images[:100])


def test_a_folder_that_could_not_be_read_is_refused(tmp_path):
    source, _, _ = multi_object("tetrominoes", tmp_path, count=3)
    with pytest.raises(ValueError, match="c::d could not be read: '::' joins two addresses"):
        mirror("tetrominoes", [source], FolderTarget(tmp_path / "c::d"))
    mirror("tetrominoes", [source], FolderTarget(tmp_path / "c"))
    (tmp_path / "c").rename(tmp_path / "c::d")
    with pytest.raises(ValueError, match="c::d/.* cannot be read, as '::' joins two addresses"):
        load("tetrominoes", "validation", data=str(tmp_path / "c::d"))


def test_the_card_shows_scenes_that_have_labels(tmp_path):
    """Waymo's `testing` comes first, and has none."""
    base = tmp_path / "waymo"
    unlabelled, _, _ = releases.waymo_tables(base, name="testing", drive="another")
    (unlabelled / "camera_segmentation/drive.parquet").unlink()
    releases.waymo_tables(base, count=20, name="training")
    mirror("waymo_open", [base], FolderTarget(tmp_path / "mirror"))
    with Image.open(tmp_path / "mirror/samples.png") as samples:
        below = np.asarray(samples)[samples.height // 2 + 4 :]
    cells = [below[:, start : start + 128] for start in range(0, below.shape[1], 132)]
    assert len(cells) == 8 and not any((cell == 255).all() for cell in cells)


@pytest.mark.parametrize("name", ["{}.1", "copy of {}", "more/{}"])
def test_a_file_that_is_there_twice_is_no_second_part_of_a_release(tmp_path, name):
    """Its scenes to validate on would be trained on."""
    path, _, _ = multi_object("tetrominoes", tmp_path, count=3)
    copy = tmp_path / name.format(path.name)
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(path, copy)
    with pytest.raises(ValueError, match=f"is a copy of {tmp_path}.*, which is read already"):
        list(read_records("tetrominoes", [tmp_path]))
    copy.write_bytes(path.read_bytes()[:-1] + b"!")  # of the same size
    with pytest.raises(ValueError, match="record"):
        list(read_records("tetrominoes", [tmp_path]))
    assert len(list(read_records("tetrominoes", [path, path]))) == 3  # the same, named twice


def test_nor_is_a_table(tmp_path):
    folder, _, _ = releases.waymo_tables(tmp_path)
    table = sorted(folder.rglob("*.parquet"))[0]
    shutil.copy(table, table.with_stem("drive (1)"))
    with pytest.raises(ValueError, match="is a copy of .*, which is read already; remove one"):
        list(read_rows("waymo_open", [folder], "train"))
