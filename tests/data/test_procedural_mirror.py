"""A mirror of procedural scenes has the scenes that are drawn, their true frames, and says so."""

import contextlib
import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from huggingface_hub import DatasetCard

from hub.mirror import choose_target, mirror
from isa_eqx.grid import rotation_matrix
from training.data import (
    DATASETS,
    dataset,
    describe_data,
    load,
    procedural_release,
    resolve,
    stream_batches,
)
from training.data.drawing import draw_scenes
from training.data.export import CHUNK
from training.data.mirrored import open_mirror
from training.data.stream import read_rows
from training.presets import preset
from training.runs.card import title

from ..releases import multi_object

NAME, COUNT = "objects_room", CHUNK  # one program draws them, here and there
SPLITS = ["train", "validation"]


def mirrored(name, folder, sources=(), **options):
    wanted = options.get("splits", ()), options.get("limit")
    release = None if sources else procedural_release(name, *wanted)
    target = choose_target(str(folder), name, False, release)
    return mirror(name, sources, target, release=release, **options)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("procedural") / "mirror"
    mirrored(NAME, folder, splits=SPLITS, limit=COUNT)
    return folder


def test_it_has_the_scenes_that_are_drawn(made):
    for split in SPLITS:
        found, drawn = load(NAME, split, data=str(made)), load(NAME, split, COUNT)
        np.testing.assert_array_equal(found.images.pixels, drawn.images.pixels)
        np.testing.assert_array_equal(found.labels, drawn.labels)


def test_its_objects_have_their_true_frames(made):
    drawn = load(NAME, "train", COUNT)
    rows = read_rows(open_mirror(str(made), NAME), "train", columns=["objects", "num_objects"])
    for number, row in enumerate(rows):
        seen = [n for n in np.unique(drawn.labels[number]) if n >= dataset(NAME).first_object]
        assert row["num_objects"] == len(seen) > 0
        frames = {name: np.array(row["objects"][name]) for name in ("position", "scale")}
        turns = np.array(rotation_matrix(jnp.asarray(row["objects"]["rotation"], jnp.float32)))
        for label in range(1, dataset(NAME).num_labels):
            place = number, label
            if label in seen:
                np.testing.assert_array_equal(
                    frames["position"][label - 1], drawn.poses.position[place]
                )
                np.testing.assert_array_equal(frames["scale"][label - 1], drawn.poses.scale[place])
                # Axes have no direction: half a turn is none.
                cosines = turns[label - 1].T @ drawn.poses.rotation[place]
                np.testing.assert_allclose(np.abs(cosines), np.eye(2), atol=1e-5)
            else:
                assert np.isnan(frames["position"][label - 1]).all()


def test_it_says_that_it_is_procedural(made):
    card = DatasetCard.load(made / "README.md")
    assert "procedural" in card.data.tags and card.data.license == "apache-2.0"
    assert "procedural" in card.text and "Not the release" in card.text
    assert "pixel for pixel" not in card.text
    assert describe_data(NAME, str(made)).startswith("The scenes are procedural")


def test_its_card_trains_on_what_it_has(made, clevr6):
    for folder, words in ((made, NAME), (clevr6, "clevr --subset clevr6")):
        command = f"python -m training.run --dataset {words} --data {folder}\n"
        assert command in DatasetCard.load(folder / "README.md").text


@pytest.fixture(scope="module")
def clevr6(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clevr6") / "mirror"
    mirrored("clevr", folder, splits=["clevr6_train", "clevr6_validation"], limit=CHUNK)
    return folder


def test_scenes_are_drawn_as_models_see_them(clevr6, monkeypatch):
    """The images of the release are cropped, and labels of some releases renamed."""
    spec = dataclasses.replace(dataset("clevr"), clean_labels=lambda labels: 0 * labels)
    monkeypatch.setitem(DATASETS, "clevr", spec)
    found = load("clevr", "clevr6_validation", data=str(clevr6))
    drawn = load("clevr", "clevr6_validation", CHUNK)
    np.testing.assert_array_equal(found.images.pixels, drawn.images.pixels)
    np.testing.assert_array_equal(found.labels, drawn.labels)
    assert found.labels.any()


def test_what_was_drawn_is_not_drawn_again(tmp_path, monkeypatch):
    """Nor what nobody asked for."""
    asked = []

    def draw(spec, split, size, indices):
        asked.append((split, int(indices[0])))
        if len(asked) == 5:
            raise ValueError("the power fails")
        return draw_scenes(spec, split, size, indices)

    monkeypatch.setattr("training.data.export.draw_scenes", draw)
    options = dict(splits=["validation", "test"], limit=3 * CHUNK)
    with pytest.raises(ValueError, match="procedural test, scene .*: the power fails"):
        mirrored("tetrominoes", tmp_path, **options)
    mirrored("tetrominoes", tmp_path, **options)
    starts = range(0, 3 * CHUNK, CHUNK)
    assert set(asked) == {(split, start) for split in options["splits"] for start in starts}
    assert all(asked.count(("validation", start)) == 1 for start in starts)
    for split in ("validation", "test"):
        found = load("tetrominoes", split, data=str(tmp_path))
        drawn = load("tetrominoes", split, CHUNK)
        assert len(found) == 3 * CHUNK
        np.testing.assert_array_equal(found.images.pixels[:CHUNK], drawn.images.pixels)


def test_neither_takes_the_place_of_the_other(made, tmp_path, monkeypatch):
    source, _, _ = multi_object("tetrominoes", tmp_path, count=2)
    mirrored("tetrominoes", tmp_path / "release", [source])
    with pytest.raises(ValueError, match="a mirror of the release, not of procedural scenes"):
        mirrored("tetrominoes", tmp_path / "release")
    source, _, _ = multi_object(NAME, tmp_path, count=2)
    with pytest.raises(ValueError, match="a mirror of procedural scenes, not of the release"):
        mirrored(NAME, made, [source], splits=SPLITS, limit=COUNT)
    monkeypatch.setattr("hub.mirror.convert.version", lambda: "9.9")
    with pytest.raises(ValueError, match=r"scenes drawn by version [\d.]+, and this is 9.9"):
        mirrored(NAME, made, splits=SPLITS, limit=COUNT)


def test_a_run_that_fills_the_memory_says_what_to_do_instead(capsys):
    resolve(preset("clevr", name="paper", steps=10))
    assert not capsys.readouterr().out
    resolve(preset("clevr", name="paper"))
    said = capsys.readouterr().out
    assert "The 99,900 images" in said and ", 5 GB in the end" in said
    assert "python -m hub.mirror clevr --source procedural --to FOLDER" in said


def test_no_licence_keeps_it_private():
    """As that of Waymo Open does its release."""
    release = procedural_release("waymo_open")
    assert choose_target("user/streets", "waymo_open", False, release).name == "user/streets"


def test_a_run_takes_the_splits_of_its_subset(clevr6):
    config = preset("clevr", subset="clevr6", batch_size=CHUNK, train_examples=CHUNK)
    drawn = load("clevr", "clevr6_train", CHUNK).images.pixels
    for data in ("procedural", str(clevr6)):
        at = resolve(dataclasses.replace(config, data=data))
        with contextlib.closing(stream_batches(at)) as batches:
            images = next(batches)
        found = {image.tobytes() for image in np.asarray(images.pixels)}
        assert found == {image.tobytes() for image in drawn}
        assert title(at).startswith("clevr/clevr6 (")
    with pytest.raises(ValueError, match="Unknown split 'clevr7_train'.*'clevr6_train'"):
        resolve(dataclasses.replace(config, subset="clevr7"))
    with pytest.raises(ValueError, match="no row of split 'train'; it has clevr6_train"):
        resolve(dataclasses.replace(config, data=str(clevr6), subset=""))
