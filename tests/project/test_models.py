"""The models that come with the code are what their cards say."""

import json
import re
import shlex

import numpy as np
import pytest
from huggingface_hub import ModelCard

from hub.push import SHARED
from isa_eqx import ISA
from training.arguments import parse
from training.data import load
from training.evaluation.scoring import METRICS, evaluate

from ..conftest import TRAINED, fully_optimised, run_lines

FOLDERS = sorted(path for path in TRAINED.iterdir() if path.is_dir())
MEGABYTE = 1_000_000


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request):
    return request.param


def recipe_of(folder):
    return json.loads((folder / "train.json").read_text())


def size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def command_of(folder):
    """The words of the command on the card, after `python -m training.run`."""
    said = re.search(r"^python -m training\.run (.*)$", (folder / "README.md").read_text(), re.M)
    return shlex.split(said[1])


def test_there_are_models_of_every_variant_and_of_three_worlds():
    found = {(recipe_of(f)["dataset"], recipe_of(f)["model"]["variant"]) for f in FOLDERS}
    assert {("tetrominoes", v) for v in ("sa", "isa-t", "isa-ts", "isa-tsr")} < found
    assert {("objects_room", "isa-ts"), ("clevr", "isa-ts")} < found


def test_a_folder_has_what_is_shared_of_a_run_and_is_small(folder):
    assert {file.name for file in folder.iterdir()} == set(SHARED)
    assert sum(file.stat().st_size for file in folder.iterdir()) <= MEGABYTE
    assert (
        sum(file.stat().st_size for file in TRAINED.rglob("*") if file.is_file()) <= 10 * MEGABYTE
    )


def test_the_lines_on_its_card_load_it_and_take_a_picture_apart(folder, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(TRAINED)
    monkeypatch.chdir(tmp_path)
    config = ISA.from_pretrained(folder).config
    assert run_lines(folder / "README.md").masks.shape == (config.num_slots, *config.image_size)


def test_the_command_on_its_card_remakes_it(folder):
    """Of a recipe that has got more options since, the others are what they were before."""
    recipe = parse(command_of(folder)).recipe
    fields, usual = json.loads(json.dumps(recipe.to_dict())), recipe_of(folder)
    assert {name: fields[name] for name in usual} == usual
    assert all(not fields[name] for name in fields.keys() - usual.keys())
    assert recipe.data == "procedural"


def test_its_card_has_the_figures_of_its_run(folder):
    final = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    card = ModelCard.load(folder / "README.md")
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert results == {name: final[f"final_{name}"] for name in METRICS}
    assert final["images"] == 1000


@pytest.mark.parametrize("name", ["tetrominoes-isa-t"])
def test_scored_again_it_has_the_figures_of_its_card(name):
    folder = TRAINED / name
    card = ModelCard.load(folder / "README.md")
    scenes = load("tetrominoes", "validation")
    with fully_optimised():  # a thousand images take longer than compiling
        scores, _ = evaluate(ISA.from_pretrained(folder), scenes, "tetrominoes")
    for result in card.data.eval_results:
        np.testing.assert_allclose(
            scores[result.metric_type], result.metric_value, rtol=1e-3, err_msg=result.metric_type
        )


def test_the_page_lists_every_model_with_its_figures_and_its_command():
    page = (TRAINED / "README.md").read_text()
    for folder in FOLDERS:
        results = ModelCard.load(folder / "README.md").data.eval_results
        scores = {result.metric_type: f"{result.metric_value:.3f}" for result in results}
        row = rf"^\| \[`{folder.name}`\]\({folder.name}\) \| .* \| (.*) \| (.*) \|$"
        assert re.findall(row, page, re.M) == [(scores["fg_ari"], scores["ari"])]
        assert f"python -m training.run {shlex.join(command_of(folder))}" in page
