"""What is wrong with a mirror is said in a sentence that names the file, or the row."""

import dataclasses
import itertools
import json
import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hub.mirror import MANIFEST, FolderTarget, mirror
from hub.mirror.sources.rows import encode_png
from training.data import DATASETS, Place, load, resolve
from training.data.mirrored import open_mirror
from training.data.stream import read_rows, stream_rows
from training.presets import preset

pytestmark = pytest.mark.quick


def changed(folder, to, change):
    """A copy of a mirror with a change to the third row of its validation split."""
    shutil.copytree(folder, to)
    path = to / "data/validation-00000.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[2] |= change(rows[2])
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    return str(to)


def picture(array):
    return {"bytes": encode_png(array), "path": None}


BAD_ROWS = {
    "it has no mask": lambda row: dict(mask=None),
    "its image is no picture": lambda row: dict(image=row["image"] | {"bytes": b"no picture"}),
    "its image is not in the row": lambda row: dict(image=None),
    "its image is not in the row; what": lambda row: dict(
        image={"bytes": None, "path": "/etc/passwd"}
    ),
    "its mask is damaged": lambda row: dict(
        mask=row["mask"] | {"bytes": row["mask"]["bytes"][:-30]}
    ),
    "its mask has label 4; they go from 0 to 3": lambda row: dict(
        mask=picture(np.full((35, 35), 4, np.uint8))
    ),
    "its picture or mask is 9×8; those before it are 35×35": lambda row: dict(
        image=picture(np.zeros((9, 8, 3), np.uint8))
    ),
    "a picture in colour": lambda row: dict(mask=picture(np.zeros((35, 35, 3), np.uint8))),
}


@pytest.mark.parametrize("message", BAD_ROWS)
def test_a_row_that_cannot_be_used_is_named(tetrominoes, tmp_path, message):
    broken = changed(tetrominoes, tmp_path / "broken", BAD_ROWS[message])
    with pytest.raises(ValueError, match=f"{broken}, split validation, index 2: .*{message}"):
        load("tetrominoes", "validation", data=broken)


def test_a_picture_smaller_than_the_crop_is_said_to_be(tetrominoes, monkeypatch):
    wanted = "tetrominoes", "validation", 1
    monkeypatch.setitem(DATASETS, "tetrominoes", DATASETS["clevr"])
    with pytest.raises(ValueError, match="index 0: its picture is 35×35; rows 29 to 221"):
        load(*wanted, data=str(tetrominoes))
    monkeypatch.setitem(DATASETS, "tetrominoes", DATASETS["clevrtex"])
    with pytest.raises(ValueError, match="index 0: its picture is 35×35; 192×192 are wanted"):
        load(*wanted, data=str(tetrominoes))


def test_a_flipped_bit_changes_no_row_unnoticed(tetrominoes, tmp_path):
    def read():
        found = read_rows(open_mirror(str(tmp_path / "flipped"), "tetrominoes"), "validation")
        return [(row["index"], row["image"], row["mask"]) for row in found]

    shutil.copytree(tetrominoes, tmp_path / "flipped")
    file = tmp_path / "flipped/data/validation-00000.parquet"
    whole, good, noticed = file.read_bytes(), read(), 0
    random = np.random.default_rng(0)
    places = np.concatenate([random.integers(len(whole), size=15), -random.integers(2000, size=25)])
    for place in places:
        harmed = bytearray(whole)
        harmed[place] ^= 1 << random.integers(8)
        file.write_bytes(harmed)
        try:
            assert read() == good
        except ValueError as error:
            assert str(file) in str(error)
            noticed += 1
    assert noticed > 10


HARMS = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-999]),
    "empty": lambda file: file.write_bytes(b""),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_not_whole_is_named(tetrominoes, tmp_path, harm):
    shutil.copytree(tetrominoes, tmp_path / "harmed")
    file = tmp_path / "harmed/data/validation-00000.parquet"
    HARMS[harm](file)
    with pytest.raises(ValueError, match=" is damaged or gone") as error:
        load("tetrominoes", "validation", data=str(tmp_path / "harmed"))
    assert str(file) in str(error.value)


@pytest.mark.parametrize(("count", "came"), [(30, "30"), (130, "more than 100")])
def test_other_rows_than_the_mirror_says_are_an_error(tetrominoes, tmp_path, count, came):
    shutil.copytree(tetrominoes, tmp_path / "other")
    file = tmp_path / "other/data/validation-00000.parquet"
    table = pq.read_table(file)
    pq.write_table(pa.concat_tables([table, table])[:count], file)
    said = f"{file} has {came} rows, not 100 as mirror.json says; make the mirror again"
    with pytest.raises(ValueError, match=re.escape(said)):
        load("tetrominoes", "validation", data=str(tmp_path / "other"))
    if count < 100:  # more are not noticed, as a stream stops at what is said
        other = open_mirror(str(tmp_path / "other"), "tetrominoes")
        with pytest.raises(ValueError, match=re.escape(said)):
            list(itertools.islice(stream_rows(other, "validation", None, Place(1)), 100))
    assert len(load("tetrominoes", "validation", 20, data=str(tmp_path / "other"))) == 20


def test_what_cannot_be_trained_on_is_said_before_anything_is_read(released, tmp_path):
    dataset, _, source, *_ = released["clevrtex"]
    mirror(dataset, [source], FolderTarget(tmp_path / "mirror"))
    with pytest.raises(ValueError, match="has no row of split 'train'; it has test"):
        resolve(preset(dataset, data=str(tmp_path / "mirror")))
    with pytest.raises(ValueError, match="Unknown split 'six'; valid ones are train"):
        load("tetrominoes", "six")
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        load("tetrominoes", "test", 0)


def test_a_mirror_that_is_not_finished_is_taken_and_said_to_be(tetrominoes, tmp_path, capsys):
    shutil.copytree(tetrominoes, tmp_path / "part")
    manifest = json.loads((tmp_path / "part" / MANIFEST).read_text())
    (tmp_path / "part" / MANIFEST).write_text(json.dumps(manifest | dict(finished=False)))
    config = preset("tetrominoes", data=str(tmp_path / "part"), batch_size=4, train_examples=16)
    assert resolve(config) == config
    assert "is not finished; this takes what is there" in capsys.readouterr().out
    config = dataclasses.replace(config, data=str(tetrominoes))
    assert resolve(config) == config and capsys.readouterr().out == ""


def test_a_manifest_that_is_damaged_is_named(tetrominoes, tmp_path):
    shutil.copytree(tetrominoes, tmp_path / "harmed")
    file = tmp_path / "harmed" / MANIFEST
    whole = file.read_text("utf-8")
    fields = json.loads(whole)
    harmed = [whole[:-9], "[]", "{}", "3", '"text"', whole.replace('"rows": 17', '"rows": "17"')]
    harmed += [whole.replace('"rows": 17', '"rows": -17'), json.dumps(fields | dict(shards=[3]))]
    harmed += [whole.replace('"split": "train"', '"split": 4')]
    elsewhere = "../data/train-", "/data/train-", "zip://data/train-0::https://there/data/train-"
    harmed += [whole.replace("data/train-", other) for other in elsewhere]
    said = f"mirror.json of {tmp_path / 'harmed'} is damaged"
    for text in [*(text.encode() for text in harmed), b"\xff" + whole.encode()]:
        assert text != whole.encode()
        file.write_bytes(text)
        with pytest.raises(ValueError, match=re.escape(said)):
            open_mirror(str(tmp_path / "harmed"), "tetrominoes")
        with pytest.raises(ValueError, match=re.escape(said)):
            FolderTarget(tmp_path / "harmed").manifest()
