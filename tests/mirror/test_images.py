"""Images of one's own as a mirror: each once, none lost without a word, with its labels."""

import io
import json

import datasets
import numpy as np
import pyarrow.parquet
import pytest
from datasets import load_dataset
from PIL import Image

from hub.mirror.__main__ import main
from hub.mirror.images import choose_images

from ..conftest import HUB

pytestmark = pytest.mark.quick

REPO = "user/pets"


@pytest.fixture(autouse=True)
def uncounted(monkeypatch):
    """`load_dataset` looks a server up that counts."""
    monkeypatch.setattr(datasets.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)


def image(number, height=40, width=60):
    """An image whose middle has a colour of its own."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, (width - height) // 2 : (width + height) // 2] = (number, 255 - number, 90)
    return Image.fromarray(pixels)


def folder_of(path, count, **size):
    path.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image(number, **size).save(path / f"{number}.png")
    return path


def mirrored(source, to, *words):
    main("images", (str(source),), str(to), **dict(words))
    files = {p.name.split("-")[0]: str(p) for p in sorted((to / "data").iterdir())}
    found = load_dataset("parquet", data_files=files, streaming=True)
    return {split: list(rows) for split, rows in found.items()}


def numbers(rows):
    """Of the images, by the colour in their middle."""
    found = [np.asarray(row["image"]) for row in rows]
    return sorted(int(p[p.shape[0] // 2, p.shape[1] // 2, 0]) for p in found)


def test_every_image_is_there_once_and_a_tenth_is_held_out(tmp_path):
    found = mirrored(folder_of(tmp_path / "in", 30), tmp_path / "out")
    assert len(found["validation"]) == 3
    assert numbers(found["train"] + found["validation"]) == list(range(30))
    held_out = numbers(found["validation"])
    assert held_out != list(range(3)) and held_out != list(range(27, 30))
    for row in found["train"]:
        assert np.asarray(row["image"]).shape == (40, 40, 3)  # the square in the middle
        assert np.asarray(row["image"]).min() > -1 and row["mask"] is None
        assert (np.asarray(row["image"])[..., 2] == 90).all()


def test_folders_named_after_splits_are_splits(tmp_path):
    for name, count in (("train", 5), ("val", 4), ("test", 3)):
        folder_of(tmp_path / "in" / name, count)
    found = mirrored(tmp_path / "in", tmp_path / "out")
    assert {split: numbers(rows) for split, rows in found.items()} == {
        "train": list(range(5)),
        "validation": list(range(4)),
        "test": list(range(3)),
    }


@pytest.mark.parametrize("place", ["{}_mask.png", "masks/{}.png", "../masks/{}.png"])
def test_masks_lie_beside_images_and_keep_what_belongs_together(tmp_path, place):
    source = folder_of(tmp_path / "in" / "images", 4)
    labels = np.zeros((40, 60), np.uint8)
    labels[5:9, 12:20], labels[20:30, 30:44] = 200, 70
    for number in (0, 2):
        path = source / place.format(number)
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(labels).save(path)
    found = mirrored(tmp_path / "in", tmp_path / "out")
    rows = {int(np.asarray(r["image"])[0, 0, 0]): r for part in found.values() for r in part}
    assert [n for n in range(4) if rows[n]["has_mask"]] == [0, 2] and len(rows) == 4
    mask = np.asarray(rows[2]["mask"])
    assert mask.shape == (40, 40) and rows[2]["num_objects"] == 2
    np.testing.assert_array_equal(mask == 2, labels[:, 10:50] == 200)
    np.testing.assert_array_equal(mask == 1, labels[:, 10:50] == 70)


def test_a_broken_image_is_named_and_all_others_are_there(tmp_path, capsys):
    source = folder_of(tmp_path / "in", 12)
    (source / "5.png").write_bytes((source / "5.png").read_bytes()[:40])
    Image.new("L", (5, 5)).save(source / "7_mask.png")
    (source / "notes.txt").write_text("not an image, and not meant to be one")
    found = mirrored(source, tmp_path / "out")
    left = [n for n in range(12) if n not in (5, 7)]
    assert numbers(found["train"] + found["validation"]) == left
    said = capsys.readouterr()
    assert f"Left out: {source / '5.png'} is" in said.out + said.err
    assert f"{source / '7.png'}: its mask is 5×5, the image 60×40; make them" in said.out + said.err
    assert "notes" not in said.out + said.err
    assert f"python -m training.run --dataset images --data {tmp_path / 'out'}" in said.out


def test_large_images_are_shrunk_and_whole_ones_keep_their_shape(tmp_path):
    source = folder_of(tmp_path / "in", 11, height=300, width=600)
    folder_of(tmp_path / "in" / "more", 11, height=30, width=44)
    whole = mirrored(source, tmp_path / "whole", ("keep_aspect", True))
    shapes = {np.asarray(row["image"]).shape for rows in whole.values() for row in rows}
    assert shapes == {(256, 512, 3), (30, 44, 3)}
    squares = mirrored(source, tmp_path / "squares")
    shapes = {np.asarray(row["image"]).shape for rows in squares.values() for row in rows}
    assert shapes == {(256, 256, 3), (30, 30, 3)}
    with pytest.raises(SystemExit, match="holds another mirror"):
        main("images", (str(source),), str(tmp_path / "squares"), keep_aspect=True)


def parquet(path, count, column="picture", split=None):
    """A file with a column of images, encoded as `datasets` does."""
    features = datasets.Features({"id": datasets.Value("int64"), column: datasets.Image()})
    rows = {"id": list(range(count)), column: [image(n) for n in range(count)]}
    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(path))


def test_parquet_with_a_column_of_images_is_read_whatever_it_is_called(tmp_path):
    parquet(tmp_path / "in" / "train-00000-of-00001.parquet", 20)
    found = mirrored(tmp_path / "in", tmp_path / "out")
    assert numbers(found["validation"]) == [0, 10]
    assert numbers(found["train"]) == [n for n in range(20) if n % 10]
    parquet(tmp_path / "in" / "test-0.parquet", 3)
    assert numbers(mirrored(tmp_path / "in", tmp_path / "two")["test"]) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["bytes", "struct"])
def test_parquet_that_does_not_say_what_its_columns_are_is_read_as_well(tmp_path, kind, capsys):
    """As other libraries write it: files as bytes, or with their path; and one row is empty."""
    encoded = []
    for number in range(12):
        buffer = io.BytesIO()
        image(number).save(buffer, "png")
        encoded.append(buffer.getvalue())
    cells = encoded if kind == "bytes" else [{"bytes": data, "path": "a"} for data in encoded]
    cells[5] = None
    (tmp_path / "in").mkdir()
    pyarrow.parquet.write_table(pyarrow.table({"picture": cells}), tmp_path / "in" / "a.parquet")
    found = mirrored(tmp_path / "in", tmp_path / "out")
    assert numbers(found["train"] + found["validation"]) == [n for n in range(12) if n != 5]
    assert "is empty: there is nothing in column picture" in capsys.readouterr().out


def test_an_image_may_be_called_mask_and_a_lossy_mask_is_named(tmp_path, capsys):
    source = folder_of(tmp_path / "in", 3)
    image(77).save(source / "venice_mask.png")
    Image.new("L", (60, 40)).save(source / "1_mask.jpg")
    found = mirrored(source, tmp_path / "out")
    assert numbers(found["train"] + found["validation"]) == [0, 2, 77]
    assert (
        "its label map, 1_mask.jpg, has lost its labels; make it a PNG" in capsys.readouterr().out
    )


def test_a_dataset_of_the_hub_is_read_from_one_commit(tmp_path):
    parquet(tmp_path / "train.parquet", 20)
    content = (tmp_path / "train.parquet").read_bytes()
    HUB.repos.pop(("dataset", REPO), None)
    HUB.put(REPO, {"data/train-00000-of-00001.parquet": content}, kind="dataset")
    found = mirrored(REPO, tmp_path / "out")
    assert numbers(found["train"] + found["validation"]) == list(range(20))
    manifest = json.loads((tmp_path / "out" / "mirror.json").read_text())
    assert manifest["source"] == f"{REPO}@{HUB.repo(REPO, 'dataset').refs['main']}"
    assert REPO in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{0}/nothing", "is no file or folder here, and no user/name of the Hub"),
        ("{0}/empty", "no image that Pillow reads, and no parquet, in .*empty"),
        ("{0}/columns", "no column of images; there are id, other"),
        ("{0}/one", "two images are wanted, to train on and to validate on; got one"),
        ("{0}/broken", "none of the source could be read; what is said above says why"),
        ("{0}/torn", "a.parquet is damaged or no parquet"),
        ("user/absent", "user/absent is no folder here, and the Hub has no such dataset"),
    ],
)
def test_a_source_without_images_is_said_in_a_sentence(tmp_path, source, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "columns").mkdir()
    table = datasets.Dataset.from_dict({"id": [1, 2], "other": ["a", "b"]})
    table.to_parquet(str(tmp_path / "columns" / "a.parquet"))
    folder_of(tmp_path / "one", 1)
    for number in range(3):
        (folder_of(tmp_path / "broken", 0) / f"{number}.png").write_text("no image")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SystemExit, match=message):
        main("images", (source.format(tmp_path),), str(tmp_path / "out"))
    assert not (tmp_path / "out" / "README.md").exists()


def test_to_keep_the_aspect_is_for_images_alone(tmp_path):
    with pytest.raises(SystemExit, match="--keep-aspect is for images; leave it out for clevr"):
        main("clevr", (str(tmp_path),), str(tmp_path / "out"), keep_aspect=True)


def test_what_a_mirror_is_of_depends_on_files_and_on_how_they_are_cut(tmp_path):
    source = folder_of(tmp_path / "in", 3)
    square, whole = (choose_images([str(source)], keep) for keep in (False, True))
    assert square.paths == [source] and square.identity[0] != whole.identity[0]
    assert square.identity[1] == whole.identity[1]
