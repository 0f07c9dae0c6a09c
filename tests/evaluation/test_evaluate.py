"""The command that scores models: its figures are those of a run, and of several seeds a range."""

import dataclasses
import json
import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.data import load
from training.evaluate import main
from training.evaluation.edits import FOLLOWED
from training.evaluation.faithfulness import measure_poses
from training.evaluation.poses import TRUE
from training.evaluation.scoring import evaluate, score, segmentation
from training.evaluation.table import Column, format_table, summarise
from training.step import initial_state

from ..tiny import TINY

IMAGES = 7


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """Two seeds of a recipe, and one of another."""
    folder = tmp_path_factory.mktemp("models")
    for place, (seed, batch_size) in enumerate([(2, 4), (10, 4), (2, 5)]):
        config = dataclasses.replace(TINY, seed=seed, batch_size=batch_size)
        run = folder / (f"group/seed{seed}" if place < 2 else "other")
        initial_state(config).model.save_pretrained(run)
        (run / "train.json").write_text(json.dumps(config.to_dict()))
    return folder


def scored(out, *words):
    main([*words, "--dataset", "tetrominoes", "--images", str(IMAGES), "--out", str(out)])
    return json.loads((out / "scores.json").read_text())


def test_its_scores_are_those_of_a_run_and_of_seeds_a_range(group, tmp_path, capsys):
    found = scored(tmp_path / "out", str(group / "group"), str(group / "other"))
    names = [str(group / name) for name in ("group/seed2", "group/seed10", "other")]
    assert list(found["models"]) == names
    scenes = load("tetrominoes", "validation", IMAGES, size=TINY.model.image_size)
    for name, seed in zip(names, (2, 10, 2), strict=True):
        model = initial_state(dataclasses.replace(TINY, seed=seed)).model
        means, _ = evaluate(model, scenes, "tetrominoes")
        for metric, measured in found["models"][name].items():
            assert measured["value"] == pytest.approx(means[metric], rel=1e-5)
            assert measured["low"] <= measured["value"] <= measured["high"]
    (seeds,) = found["seeds"]
    assert seeds["models"] == names[:2]
    means = [found["models"][name]["miou"]["value"] for name in names[:2]]
    wanted = dict(median=statistics.median(means), lowest=min(means), highest=max(means))
    assert seeds["miou"] == wanted
    said, written = capsys.readouterr().out, (tmp_path / "out" / "scores.md").read_text()
    assert written in said and "median of 2 seeds (range)" in written
    assert f"tetrominoes (procedural), validation, {IMAGES} images." in written
    assert len(list((tmp_path / "out").glob("*.png"))) == 3


def test_each_image_counts_once_however_often_it_is_scored(group, tmp_path):
    """Scored thrice, an image's mean counts: the interval is over images alone."""
    words = ("--seeds-of-frames", "3", "--split", "test", "--background", "0,1")
    found = scored(tmp_path / "out", str(group / "other"), *words)
    model = initial_state(dataclasses.replace(TINY, seed=2)).model
    scenes = load("tetrominoes", "test", IMAGES, size=TINY.model.image_size)
    each = [
        score(model, scenes, "tetrominoes", background=(0, 1), seed=seed).scores
        for seed in range(3)
    ]
    assert not np.allclose(each[0]["fg_ari"], each[1]["fg_ari"])
    means = {name: np.mean([one[name] for one in each], axis=0) for name in each[0]}
    wanted = summarise({"other": means})["models"]["other"]
    for metric, measured in found["models"][str(group / "other")].items():
        assert measured == pytest.approx(wanted[metric], rel=1e-5)


def test_the_published_protocol_scores_the_first_64_validation_images(group, tmp_path):
    words = [str(group / "other"), "--dataset", "tetrominoes", "--protocol", "published"]
    main([*words, "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert (found["options"]["images"], found["options"]["split"]) == (64, "validation")
    model = initial_state(dataclasses.replace(TINY, seed=2)).model
    scenes = load("tetrominoes", "validation", size=TINY.model.image_size)[:64]
    means, _ = evaluate(model, scenes, "tetrominoes")
    measured = found["models"][str(group / "other")]["ari"]["value"]
    assert measured == pytest.approx(means["ari"], rel=1e-5)


def test_poses_are_measured_with_what_frames_lack_in_italics(group, tmp_path):
    found = scored(tmp_path / "out", str(group / "group"), "--poses")
    model = initial_state(dataclasses.replace(TINY, seed=2)).model
    scenes = load("tetrominoes", "validation", IMAGES, size=TINY.model.image_size)
    wanted = measure_poses(model, scenes, "tetrominoes")
    measured = found["poses"]["models"][str(group / "group/seed2")]
    assert list(measured) == list(wanted) == [*TRUE, *FOLLOWED]
    assert measured["found"]["value"] == pytest.approx(np.nanmean(wanted["found"]), rel=1e-5)
    (seeds,) = found["poses"]["seeds"]
    assert seeds["found"]["lowest"] <= seeds["found"]["median"] <= seeds["found"]["highest"]
    table = (tmp_path / "out" / "scores.md").read_text()
    assert all(f"| {column.title} |" in table for column in [*TRUE.values(), *FOLLOWED.values()])


def test_in_a_table_what_was_not_measured_is_a_dash_and_what_is_aside_in_italics():
    values = {"one": np.array([1.0, 1.0]), "two": np.full(2, np.nan), "three": np.full(2, 0.5)}
    columns = {"one": Column("1", 1), "two": Column("2"), "three": Column("3")}
    table = format_table(summarise({"a": values}), columns, {"a": {"two", "three"}})
    assert table.splitlines()[2] == "| `a` | 1.0 [1.0, 1.0] | – | *0.500 [0.500, 0.500]* |"


def test_attention_gives_each_pixel_to_the_slot_that_attends_to_it():
    model = initial_state(TINY).model
    (rows, columns), (height, width) = model.config.feature_size, model.config.image_size
    owner = np.random.default_rng(0).integers(0, model.config.num_slots, (2, rows, columns))
    maps = np.eye(model.config.num_slots, dtype=np.float32)[owner].transpose(0, 3, 1, 2)
    attention = jnp.asarray(maps.reshape(2, model.config.num_slots, -1))
    images = jnp.zeros((2, height, width, 3))
    out = jax.vmap(lambda image: model(image, key=jax.random.key(0)))(images)
    out = dataclasses.replace(out, attention=attention)
    found = np.asarray(segmentation(out, model.config, "attention"))
    y, x = (np.arange(rows) + 0.5) * height / rows, (np.arange(columns) + 0.5) * width / columns
    assert (found[:, y.astype(int)[:, None], x.astype(int)] == owner).all()
    assert found.shape == (2, height, width)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "name at least one model"),
        (("{other}", "--dataset", "tetromino"), "Unknown dataset 'tetromino'"),
        (("{other}", "--resolution", "70"), "a resolution is for models that explain features"),
        (("{other}", "--split", "dev"), "Unknown split 'dev'; valid ones are train, validation"),
        (("{other}", "--background", "sky"), "must be labels such as 0,1, got 'sky'"),
        (("{other}", "--background", "5"), "must be labels below 4, got '5'"),
        (("{other}", "--out", "{full}/scores.json"), "is no folder; name another one with --out"),
        (("{other}", "--images", "0"), "count must be at least 1, got 0"),
        (("{other}", "--seeds-of-frames", "0"), "must be at least 1, got 0"),
        (("{other}", "--protocol", "published", "--images", "9"), "says what --images is; leave"),
        (
            ("{other}", "--poses", "--data", "{full}"),
            "needs true poses, which only scenes",
        ),
        (("nowhere",), "'nowhere' is no folder here"),
        (("{other}", "--out", "{full}"), "has scores already; name another folder with --out"),
    ],
)
def test_a_mistake_ends_in_one_sentence(group, tmp_path, words, message):
    places = {"other": group / "other", "full": tmp_path}
    (tmp_path / "scores.json").write_text("mine")
    words = [word.format(**places) for word in words]
    words = words if "--dataset" in words else [*words, "--dataset", "tetrominoes"]
    with pytest.raises(SystemExit, match=message):
        main(words)
    assert (tmp_path / "scores.json").read_text() == "mine"
