"""Training on images of one's own: of any size, and with scores if they have label maps."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import examples
from demo.examples import choose_scenes, trained_on
from hub.mirror.__main__ import main as mirror_command
from training.arguments import parse
from training.data import load, resize_image, shape_crop, stream_batches
from training.evaluate import main as evaluate_command
from training.presets import preset
from training.run import main as run_command
from training.runs.summary import is_over, scores_of

from ..conftest import slow

TINY = ("--image-size", "20,30", "--num-slots", "3", "--slot-size", "8", "--hidden-size", "8",
        "--encoder-channels", "4", "--encoder-strides", "5", "--decoder-channels", "8",
        "--steps", "3", "--batch-size", "2", "--loss-pixels", "40")  # fmt: skip


def make(folder, masks):
    """A mirror of 25 images of many sizes, of which some have label maps."""
    (folder / "in").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(25):
        height, width = rng.integers(12, 90, 2)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"{number}.png")
        if number < masks:
            labels = np.zeros((height, width), np.uint8)
            labels[: height // 2, : width // 2] = 255
            Image.fromarray(labels).save(folder / "in" / f"{number}_mask.png")
    mirror_command("images", (str(folder / "in"),), str(folder / "mirror"), keep_aspect=True)
    return str(folder / "mirror")


@pytest.fixture(scope="module", params=[0, slow(1), 25], ids=["no masks", "some", "all"])
def trained(request, tmp_path_factory):
    """A mirror, how many masks it has, and a run on it."""
    folder = tmp_path_factory.mktemp("own")
    data, run = make(folder, request.param), folder / "run"
    run_command(parse(["--dataset", "images", "--data", data, *TINY, "--out", str(run)]))
    return data, request.param, run


def test_a_run_leaves_all_it_can_and_scores_what_has_labels(trained, capsys):
    data, masks, run = trained
    assert {"README.md", "samples.png", "curve.png", "model.safetensors"} <= {
        file.name for file in run.iterdir()
    }
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert ("final_fg_ari" in last) == (masks == 25) and "final_mse" in last
    assert "final_tiling" in last and ("final_merged" in last) == (masks == 25)
    card = (run / "README.md").read_text()
    assert ("The images have no label maps" in card) == (masks < 25)
    assert ("| FG-ARI | ARI |" in card) == (masks == 25)
    assert f"The images are from the mirror `{data}` of `hub.mirror images`" in card
    recipe = parse(["--dataset", "images", "--data", data, *TINY]).recipe
    assert is_over(run, dataclasses.replace(recipe, train_examples=23))
    assert ("fg_ari" in scores_of(run)) == (masks == 25)


def test_its_model_is_evaluated_with_the_same_scores(trained, tmp_path):
    data, masks, run = trained
    words = ("--dataset", "images", "--data", data, "--out", str(tmp_path / "out"))
    evaluate_command([str(run), *words])
    found = json.loads((tmp_path / "out" / "scores.json").read_text())["models"][str(run)]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert found.keys() == {name for name in found if f"final_{name}" in last}
    for name, measured in found.items():
        assert measured["value"] == pytest.approx(last[f"final_{name}"], rel=1e-5)
    assert ("fg_ari" in found) == (masks == 25)


def test_the_app_shows_the_images_that_it_was_validated_on_or_others(trained, monkeypatch):
    """Where its own are not at hand, as in a Space, they are scenes that are drawn."""
    data, _, run = trained
    assert trained_on(str(run)) == ("images", "", data)
    name, images = choose_scenes("images", "", data, (20, 30))
    own = load("images", "validation", data=data, size=(20, 30)).images.floats()
    assert name == "images"
    np.testing.assert_array_equal(images, own)
    monkeypatch.setattr(examples, "SCENES", 3)
    name, images = choose_scenes("images", "", f"{data}-elsewhere", (20, 30))
    assert name == "clevr" and images.shape == (3, 20, 30, 3)


def test_several_seeds_have_a_summary_without_scores(tmp_path):
    data = make(tmp_path, 0)
    words = ["--dataset", "images", "--data", data, *TINY, "--seeds", "2"]
    run_command(parse([*words, "--out", str(tmp_path / "runs")]))
    summary = json.loads((tmp_path / "runs" / "summary.json").read_text())
    assert summary["median"].keys() == {"mse"} and "bound" not in summary


def test_each_image_is_the_middle_of_the_file_in_the_shape_of_the_model(trained):
    """Whole images of any shape are cropped when they are read, and shrunk with antialias."""
    data, _, _ = trained
    scenes = load("images", "validation", data=data, size=(20, 30))
    assert scenes.images.pixels.shape == (2, 20, 30, 3)
    config = preset("images", name="quick", data=data, image_size=(20, 30), batch_size=5,
                    train_examples=23)  # fmt: skip
    batch = next(stream_batches(config))
    assert batch.pixels.shape == (5, 20, 30, 3)
    files = (Path(data).parent / "in").iterdir()
    whole = [np.asarray(Image.open(file)) for file in files if "mask" not in file.name]
    fitted = [
        resize_image(pixels[shape_crop((20, 30))(*pixels.shape[:2])], (20, 30)) for pixels in whole
    ]
    for pixels in [*scenes.images.pixels, *batch.pixels]:
        assert any((pixels == one).all() for one in fitted)


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (25, 25), (7, 100)])
@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (1, 9), (50, 50), (11, 300)])
def test_a_crop_is_in_the_middle_and_as_large_as_the_shape_allows(size, shape):
    rows, columns = shape_crop(size)(*shape)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    assert height == shape[0] or width == shape[1]
    assert abs(height * size[1] - width * size[0]) <= max(size)
    assert abs(2 * rows.start + height - shape[0]) <= 1 and rows.start >= 0
    assert abs(2 * columns.start + width - shape[1]) <= 1 and columns.start >= 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "images are your own: python -m hub.mirror images --source FOLDER --to ./images"),
        (("--data", "{mirror}", "--batch-size", "64"), "batch_size must be at most train_examples"),
        (("--data", "{mirror}", "--preset", "poster"), "Unknown preset 'poster'"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(tmp_path, words, message):
    data = make(tmp_path, 0)
    words = [word.format(mirror=data) for word in words]
    with pytest.raises(SystemExit, match=message):
        run_command(parse(["--dataset", "images", *words, "--out", str(tmp_path / "run")]))
    assert not (tmp_path / "run").exists()
