"""Masks for photos: in the photo's own pixels, in every file that says them, and none is lost."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from demo import move, photo, segment
from demo.coco import run_lengths
from demo.photo import OUTSIDE, Photo
from isa_eqx import ISA
from training.data import load

from ..conftest import HUB, TRAINED
from ..laws import law
from ..strategies import seeds

pytestmark = pytest.mark.quick

MODEL = str(TRAINED / "tetrominoes-isa-t")
IMAGES = 3
# Of what COCO's own tools are compiled with.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def scenes():
    return load("tetrominoes", "test", IMAGES)


@pytest.fixture(scope="module")
def photos(scenes, tmp_path_factory):
    """The scenes as files: as they are; ten times as large; in the middle of a wide photo."""
    folder = tmp_path_factory.mktemp("photos")
    plain, large, inside = (np.asarray(p) for p in scenes.images.pixels)
    Image.fromarray(plain).save(folder / "plain.png")
    Image.fromarray(large.repeat(10, 0).repeat(10, 1)).save(folder / "large.jpg", quality=95)
    wide = np.zeros((350, 500, 3), np.uint8)
    wide[:, 75:425] = inside.repeat(10, 0).repeat(10, 1)
    Image.fromarray(wide).save(folder / "wide.tif")
    return folder


@pytest.fixture(scope="module")
def done(photos, tmp_path_factory):
    """What the command leaves, of these and of two that are no images."""
    out = tmp_path_factory.mktemp("segmented") / "out"
    (photos / "text.png").write_text("hello")
    names = ["plain.png", "text.png", "large.jpg", "nowhere.png", "wide.tif"]
    paths = [str(photos / name) for name in names]
    with pytest.raises(SystemExit, match="2 of 5 could not be segmented"):
        segment.main([*paths, "--model", MODEL, "--out", str(out)])
    return out


def labels_of(done, name):
    return np.asarray(Image.open(done / f"{name}_labels.png"))


def agreement(labels, true):
    """The share of an object's pixels that its slot has, over objects, and that slots differ."""
    slots = [np.bincount(labels[true == label]).argmax() for label in range(4)]
    assert len(set(slots)) == 4
    return np.mean([np.mean(labels[true == label] == slots[label]) for label in range(4)])


def test_a_mask_lies_on_its_object_whatever_the_size_of_the_photo(done, scenes):
    assert agreement(labels_of(done, "plain"), scenes.labels[0]) > 0.97
    large = scenes.labels[1].repeat(10, 0).repeat(10, 1)
    assert labels_of(done, "large").shape == (350, 350)
    assert agreement(labels_of(done, "large"), large) > 0.95
    wide = labels_of(done, "wide")
    assert wide.shape == (350, 500)
    assert (wide[:, :75] == OUTSIDE).all() and (wide[:, 425:] == OUTSIDE).all()
    inside = scenes.labels[2].repeat(10, 0).repeat(10, 1)
    assert agreement(wide[:, 75:425], inside) > 0.95


def test_every_file_says_the_same(done, photos):
    """Label map, COCO's run lengths, and the arrays of the model agree pixel by pixel."""
    coco = COCO(str(done / "coco.json"))
    found = {image["file_name"]: image["id"] for image in coco.dataset["images"]}
    assert list(found) == [str(photos / n) for n in ("plain.png", "large.jpg", "wide.tif")]
    for name, number in zip(("plain", "large", "wide"), found.values(), strict=True):
        labels = labels_of(done, name)
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=number))
        assert len(annotations) == 4
        for annotation in annotations:
            mask = coco.annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, labels == annotation["slot"])
            rows, columns = np.nonzero(mask)
            left, top, width, height = annotation["bbox"]
            assert (left, top) == (columns.min(), rows.min())
            assert (left + width - 1, top + height - 1) == (columns.max(), rows.max())
            assert annotation["area"] == mask.sum()
        overlay = np.asarray(Image.open(done / f"{name}_overlay.png"))
        assert overlay.shape == (*labels.shape, 3)
    arrays = np.load(done / "plain.npz")
    np.testing.assert_array_equal(arrays["masks"].argmax(axis=0), labels_of(done, "plain"))
    assert arrays["slots"].shape == (4, 64) and arrays["position"].shape == (4, 2)
    assert list(np.load(done / "wide.npz")["box"]) == [0, 350, 75, 425]


@law(seed=seeds)
def test_run_lengths_are_those_that_coco_reads(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 9, 2)) < rng.choice([0, 0.2, 0.8, 1])
    encoded = run_lengths(mask)
    whole = coco_mask.frPyObjects(encoded, *encoded["size"])
    np.testing.assert_array_equal(coco_mask.decode(whole).astype(bool), mask)
    assert sum(encoded["counts"]) == mask.size and json.loads(json.dumps(encoded)) == encoded


def test_masks_are_enlarged_in_strips_without_a_seam():
    model = ISA.from_pretrained(MODEL)
    rng = np.random.default_rng(0)
    masks = rng.random((4, 35, 35)).astype(np.float32)
    photo = Photo.of(np.zeros((700, 700, 3), np.uint8), model)
    whole = [Image.fromarray(m).resize((700, 700), Image.Resampling.BILINEAR) for m in masks]
    np.testing.assert_array_equal(photo.label_map(masks), np.argmax(whole, axis=0))


def test_where_nothing_could_be_read_nothing_is_left(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    words = [str(tmp_path / "a.png"), "--model", MODEL, "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="1 of 1 could not be segmented"):
        segment.main(words)
    assert not (tmp_path / "out").exists()


def test_what_is_done_when_it_is_stopped_is_in_every_file(photos, tmp_path, monkeypatch):
    """Whatever a photo is called: here by bytes that are no text."""
    odd, out, asked = tmp_path / os.fsdecode(b"caf\xe9\n.png"), tmp_path / "out", []
    odd.write_bytes((photos / "plain.png").read_bytes())

    def explain(*arguments):
        asked.append(arguments)
        if len(asked) > 1:
            raise KeyboardInterrupt
        return photo.explain(*arguments)

    monkeypatch.setattr(segment, "explain", explain)
    with pytest.raises(KeyboardInterrupt):
        segment.main([str(odd), str(photos / "wide.tif"), "--model", MODEL, "--out", str(out)])
    (image,) = json.loads((out / "coco.json").read_text("utf-8"))["images"]
    assert image["labels"] == f"{odd.stem}_labels.png"
    endings = "_labels.png", "_overlay.png", ".npz"
    assert {p.name for p in out.iterdir()} == {"coco.json", *(odd.stem + end for end in endings)}


@pytest.mark.parametrize("command", [segment, move])
def test_a_cache_that_cannot_be_written_is_named(photos, tmp_path, monkeypatch, command):
    HUB.put("user/tetrominoes", {p.name: p.read_bytes() for p in Path(MODEL).iterdir()})
    cache = tmp_path / "file" / "hub"
    cache.parent.touch()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    words = [str(photos / "plain.png"), "--model", "user/tetrominoes"]
    with pytest.raises(SystemExit) as ended:
        command.main([*words, "--out", str(tmp_path / "a.gif")])
    assert str(cache) in ended.value.code and "--out" not in ended.value.code


def test_files_of_one_name_are_kept_apart():
    names = segment.unique_names(["a/x.png", "b/x.jpg", "x-2.png", "c/X.png", "y"])
    assert names == ["x", "x-2", "x-2-2", "X-3", "y"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "{full}"), "is not empty; name a new folder with --out"),
        (("--out", "{full}/mine.txt"), "is not empty; name a new folder with --out"),
        (("--seed", "-1"), r"--seed must be from 0 to 2\*\*32 - 1, got -1"),
        (("--model", "nothing"), "'nothing' is no folder here"),
    ],
)
def test_a_mistake_ends_in_one_sentence(photos, tmp_path, words, message):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    words = [word.format(full=tmp_path / "full") for word in words]
    chosen = {"--model": MODEL, "--out": str(tmp_path / "out")}
    chosen |= dict(zip(words[::2], words[1::2], strict=True))
    with pytest.raises(SystemExit, match=message):
        segment.main([str(photos / "plain.png"), *[w for pair in chosen.items() for w in pair]])
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
