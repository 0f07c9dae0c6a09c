"""What slots explain of images of one's own, where the command leaves it open."""

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from training.arguments import parse
from training.presets import USUAL_BACKBONE as USUAL
from training.presets import preset
from training.runs.prepare import begin

from .. import handmade_backbone as handmade
from ..conftest import HUB

IMAGES = ["--dataset", "images", "--data", "mine"]


@pytest.fixture
def shared():
    """The backbone on the Hub, and afterwards not even in the cache."""
    HUB.clear()
    HUB.put(USUAL, {path.name: path.read_bytes() for path in handmade.folder().iterdir()})
    yield
    HUB.clear()
    cached = Path(constants.HF_HUB_CACHE) / f"models--{USUAL.replace('/', '--')}"
    shutil.rmtree(cached, ignore_errors=True)


def target_of(words):
    HUB.requests.clear()
    model = parse(words).recipe.model
    return model.target, model.backbone


def test_photographs_are_explained_in_features_of_a_backbone(shared, capsys):
    assert target_of(IMAGES) == ("features", USUAL)
    said = capsys.readouterr().out
    assert USUAL in said and "--target colours" in said
    assert target_of([*IMAGES, "--preset", "auto"]) == ("features", USUAL)
    with HUB.fault(".*", times=99, drop=0):  # it is in the cache
        assert target_of(IMAGES) == ("features", USUAL)


@pytest.mark.parametrize(
    "words",
    ["--target colours", "--preset quick", "--encoder resnet", "--encoder_strides=2,2,1"],
)
def test_who_asks_for_colours_gets_them_and_the_hub_is_not_asked(shared, words):
    assert target_of([*IMAGES, *words.split()]) == ("colours", "")
    assert not HUB.requests


def test_other_datasets_are_explained_in_colours(shared):
    assert target_of(["--dataset", "clevr"]) == ("colours", "")
    assert not HUB.requests


def test_without_the_backbone_slots_explain_colours_and_a_line_says_so(capsys):
    HUB.clear()
    assert target_of(IMAGES) == ("colours", "")
    said = capsys.readouterr().out
    assert USUAL in said and "not for photographs" in said and "--backbone FOLDER" in said


@pytest.mark.parametrize("resume", ["yes", "auto"])
def test_a_run_that_is_continued_explains_what_it_began_with(tmp_path, resume):
    """Also if the backbone was not there then, or is not there now."""
    HUB.clear()
    words = [*IMAGES, "--resume", resume, "--out"]
    for backbone in ("", f"{USUAL}@{40 * '0'}"):
        run = tmp_path / (backbone or "colours")
        begin(run, preset("images", name="quick", backbone=backbone), None)
        (run / "checkpoints" / "step-00000001").mkdir(parents=True)
        target = "features" if backbone else "colours"
        assert target_of([*words, str(run)]) == (target, backbone)
    assert not HUB.requests
