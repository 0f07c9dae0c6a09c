"""A release becomes parquet with the same pixels, however often that is interrupted."""

import contextlib
import json
import re
import resource
import shutil

import datasets
import numpy as np
import pytest
from datasets import load_dataset
from huggingface_hub import DatasetCard
from PIL import Image

from hub.mirror import MANIFEST, choose_target, mirror

from ..releases import RELEASES, multi_object


@pytest.fixture(autouse=True)
def uncounted(monkeypatch):
    """`load_dataset`, as others read a mirror, looks a server up that counts."""
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)


def mirrored(dataset, source, folder, **options):
    return mirror(dataset, [source], choose_target(str(folder), dataset, False), **options)


@pytest.mark.parametrize("name", RELEASES)
def test_a_mirror_has_the_pixels_and_labels_of_the_source(released, name, tmp_path):
    dataset, split, source, images, labels = released[name]
    mirrored(dataset, source, tmp_path / "mirror")
    files = {split: str(tmp_path / f"mirror/data/{split}-*.parquet")}
    found = list(load_dataset("parquet", data_files=files, split=split, streaming=True))
    assert [row["index"] for row in found] == list(
        range(found[0]["index"], found[0]["index"] + len(images))
    )
    for row, image, label in zip(found, images, labels, strict=True):
        np.testing.assert_array_equal(np.asarray(row["image"]), image)
        assert (row["mask"] is None) == (label is None)
        if label is not None:
            np.testing.assert_array_equal(np.asarray(row["mask"]), label)


def test_its_card_says_what_is_in_it(tmp_path):
    source, _, _ = multi_object("tetrominoes", tmp_path, count=105)
    mirrored("tetrominoes", source, tmp_path / "a mirror")
    shutil.copytree(tmp_path / "a mirror", tmp_path / "mirror")
    card = DatasetCard.load(tmp_path / "mirror" / "README.md")
    assert f"--data '{tmp_path}/a mirror'\n" in card.text
    assert card.data.license == "apache-2.0"
    splits = {split["name"]: split["num_examples"] for split in card.data.dataset_info["splits"]}
    assert splits == {"validation": 100, "train": 5}
    assert "Kabra et al. 2019" in card.text and "| train | 5 | 5 |" in card.text
    with Image.open(tmp_path / "mirror" / "samples.png") as samples:
        assert samples.size == (8 * 132 - 4, 2 * 132 - 4)
    found = load_dataset(str(tmp_path / "mirror"), streaming=True)
    assert {name: len(list(part)) for name, part in found.items()} == splits


def test_an_error_in_the_middle_keeps_finished_shards_and_goes_on_from_there(tmp_path):
    source, images, _ = multi_object("clevr", tmp_path, count=9)
    whole = source.read_bytes()
    folder = tmp_path / "mirror"
    options = dict(shard_mb=1, limit=9)
    source.write_bytes(whole[: len(whole) * 3 // 4] + bytes(len(whole) - len(whole) * 3 // 4))
    with pytest.raises(ValueError, match=r"clevr_train.tfrecords, record \d: "):
        small_shards(lambda: mirrored("clevr", source, folder, **options))
    finished = {p: p.read_bytes() for p in folder.glob("data/*")}
    assert finished and not json.loads((folder / MANIFEST).read_text())["finished"]
    source.write_bytes(whole)
    (folder / "data/.validation-00002.parquet.killed").write_bytes(b"half")
    small_shards(lambda: mirrored("clevr", source, folder, **options))
    assert all(p.read_bytes() == data for p, data in finished.items())
    assert not list(folder.glob("data/.*"))
    files = {"validation": str(folder / "data/*.parquet")}
    rows = list(load_dataset("parquet", data_files=files, split="validation", streaming=True))
    assert [row["index"] for row in rows] == list(range(9))
    assert len(list(folder.glob("data/*"))) > 3


@contextlib.contextmanager
def largest_file(size):
    """No file becomes larger, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [3_000, 60_000], ids=["for none", "for the first"])
def test_a_full_disk_names_file_and_record_and_keeps_what_is_finished(tmp_path, room):
    source, _, _ = multi_object("tetrominoes", tmp_path, count=400)
    folder, file = tmp_path / "mirror", "train" if room > 3_000 else "validation"
    with largest_file(room), pytest.raises(OSError) as full:
        mirrored("tetrominoes", source, folder)
    assert str(folder / f"data/{file}-00000.parquet") in str(full.value)
    last, *kept = full.value.__notes__
    assert re.fullmatch(rf"The last record taken was {source}, record \d+\.", last)
    assert len(kept) == (room > 3_000) and all("1 finished shard kept in" in note for note in kept)
    assert len(list(folder.rglob("*.parquet"))) == len(kept)
    done = mirrored("tetrominoes", source, folder)
    assert done.finished and [shard.rows for shard in done.shards] == [100, 300]
    assert {p.name for p in folder.iterdir()} == {"README.md", "mirror.json", "samples.png", "data"}


def test_what_is_wrong_with_the_command_is_said(released, tmp_path):
    dataset, split, source, *_ = released["clevrtex"]
    for options, message in (
        (dict(splits=["val"]), "clevrtex has no split 'val'; it has .*test"),
        (dict(splits=["train"]), "the source has no row of split train; it has test"),
        (dict(splits=["test", "train"]), "the source has no row of split train; it has test"),
        (dict(limit=0), "must be at least 1, got 0 and 200"),
    ):
        with pytest.raises(ValueError, match=message):
            mirrored(dataset, source, tmp_path / "mirror", **options)
    assert len(list((tmp_path / "mirror").rglob("test-*.parquet"))) == 1  # is kept
    with pytest.raises(ValueError, match="holds another mirror: its limit is None, here it is 1"):
        mirrored(dataset, source, tmp_path / "mirror", splits=["test", "train"], limit=1)
    with pytest.raises(ValueError, match="is not empty and holds no mirror"):
        mirrored(dataset, source, tmp_path)
    with pytest.raises(ValueError, match="is in --source .*; name a folder elsewhere"):
        mirrored(dataset, source, source / "mirror")
    with pytest.raises(ValueError, match="there is no file or folder"):
        mirrored(dataset, tmp_path / "none", tmp_path / "other")
    mirrored(dataset, source, tmp_path / "other", splits=["test"])


def test_of_each_split_so_many_rows(tmp_path):
    source, _, _ = multi_object("tetrominoes", tmp_path, count=140)
    done = mirrored("tetrominoes", source, tmp_path / "mirror", limit=5)
    assert {shard.split: shard.rows for shard in done.shards} == {"validation": 5, "train": 5}
    found = load_dataset(str(tmp_path / "mirror"), split="train", streaming=True)
    assert [row["index"] for row in found] == list(range(100, 105))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "mirror").rglob("*")}
    assert mirrored("tetrominoes", source, tmp_path / "mirror", limit=5) == done
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "mirror").rglob("*")}


def test_a_source_that_is_mended_is_gone_on_with(tmp_path, capsys):
    """As after a download that was cut short."""
    source, images, _ = multi_object("clevr", tmp_path, count=9)
    whole, folder = source.read_bytes(), tmp_path / "mirror"
    source.write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(ValueError, match="the file is cut off"):
        small_shards(lambda: mirrored("clevr", source, folder, shard_mb=1))
    finished = {p: p.read_bytes() for p in folder.glob("data/*")}
    source.write_bytes(whole)
    done = small_shards(lambda: mirrored("clevr", source, folder, shard_mb=1))
    assert "have other sizes than before: going on" in capsys.readouterr().out
    assert finished and all(p.read_bytes() == data for p, data in finished.items())
    assert done.counts("validation")[2] == len(images)
    source.write_bytes(whole + whole)
    with pytest.raises(ValueError, match="holds a finished mirror of files of the same names and"):
        mirrored("clevr", source, folder, shard_mb=1)


def test_a_folder_is_one_runs_at_a_time(tmp_path):
    source, _, _ = multi_object("clevr", tmp_path, count=2)
    target = choose_target(str(tmp_path / "mirror"), "clevr", False)
    with (
        target.folder(),
        pytest.raises(ValueError, match="another run is writing to .*mirror; wait for it"),
    ):
        mirrored("clevr", source, tmp_path / "mirror")
    assert not list((tmp_path / "mirror").iterdir())
    assert mirrored("clevr", source, tmp_path / "mirror").finished


@pytest.mark.parametrize("left", [".mirror.json.a1b2c3d4", ".DS_Store"])
def test_what_a_killed_run_or_a_desktop_left_is_no_hindrance(tmp_path, left):
    source, _, _ = multi_object("clevr", tmp_path, count=2)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / left).write_bytes(b"half")
    assert mirrored("clevr", source, tmp_path / "mirror").finished
    assert (tmp_path / "mirror" / left).exists() == (left == ".DS_Store")


def test_a_hidden_file_makes_no_other_release(released, tmp_path):
    dataset, _, source, *_ = released["clevrtex"]
    shutil.copytree(source, tmp_path / "source")
    done = mirrored(dataset, tmp_path / "source", tmp_path / "mirror")
    (tmp_path / "source/.DS_Store").write_bytes(b"desktop")
    assert mirrored(dataset, tmp_path / "source", tmp_path / "mirror") == done
    (tmp_path / "source/CLEVRTEX_full_000009.png").write_bytes(b"another")
    with pytest.raises(ValueError, match="holds another mirror, of files of other names"):
        mirrored(dataset, tmp_path / "source", tmp_path / "mirror")


def small_shards(call):
    import hub.mirror.convert

    before = hub.mirror.convert.MEGABYTE
    hub.mirror.convert.MEGABYTE = 20_000
    try:
        return call()
    finally:
        hub.mirror.convert.MEGABYTE = before
