"""A sweep trains what is not finished, and shows every seed."""

import csv
import json
import shutil

import pytest

from training import sweep
from training.arguments import parse
from training.runs.prepare import prepare
from training.runs.seeds import DIVERGED, folder, mark_as_diverged, split_seeds

from ..tiny import SMALL


def words(out):
    cut = SMALL.index("--train-examples")
    others = [*SMALL[:cut], *SMALL[cut + 2 :]]
    sizes = ["--variants", "sa,isa-t", "--train-examples", "16", "--seeds", "2,4"]
    return [*others, *sizes, "--out", str(out)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "sweep"
    sweep.main(words(out))
    return out


def trained(out, monkeypatch):
    """The groups that the command trains when it is given again."""
    found, train = [], sweep.train
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "train", lambda group: (found.append(group.output.out), train(group)))
        sweep.main(words(out))
    return [folder.name for folder in found]


def test_it_leaves_every_seed_of_every_variant_and_size(finished):
    rows = list(csv.DictReader((finished / "sweep.csv").read_text().splitlines()))
    groups = [(variant, size) for variant in ("sa", "isa-t") for size in ("16",)]
    assert [(row["variant"], row["train_examples"], row["seed"]) for row in rows] == [
        (*group, seed) for group in groups for seed in ("2", "4")
    ]
    for row in rows:
        run = finished / f"{row['variant']}-{row['train_examples']}" / f"seed{row['seed']}"
        final = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
        assert float(row["fg_ari"]) == final["final_fg_ari"] and row["images"] == "1000"
        recipe = json.loads((run / "train.json").read_text())
        assert str(recipe["train_examples"]) == row["train_examples"]
        assert recipe["model"]["variant"] == row["variant"]
        assert f"{float(row['fg_ari']):.3f}" in (finished / "sweep.md").read_text()
    assert (finished / "sweep.png").stat().st_size > 10_000


def test_what_is_finished_is_not_run_again_and_what_is_not_is_continued(
    finished, tmp_path, monkeypatch
):
    out = shutil.copytree(finished, tmp_path / "sweep")
    wanted = (out / "sweep.csv").read_text()
    (out / "sweep.csv").unlink()
    assert trained(out, monkeypatch) == []
    assert (out / "sweep.csv").read_text() == wanted
    one, other = (out / "isa-t-16" / f"seed{seed}" for seed in (2, 4))
    shutil.rmtree(one / "checkpoints" / "step-00000006")
    (one / "README.md").unlink()
    before = {file: file.stat().st_mtime_ns for file in other.rglob("*")}
    assert trained(out, monkeypatch) == ["isa-t-16"]
    assert (out / "sweep.csv").read_text() == wanted
    assert {file: file.stat().st_mtime_ns for file in other.rglob("*")} == before


def test_results_of_other_steps_or_seeds_are_not_taken_for_finished(finished, tmp_path):
    out = shutil.copytree(finished, tmp_path / "sweep")
    with pytest.raises(SystemExit, match="was started with another recipe: .*steps 6 there, 9"):
        sweep.main([*words(out), "--steps", "9"])
    sweep.main([*words(out), "--seeds", "4", "--variants", "sa"])
    rows = list(csv.DictReader((out / "sweep.csv").read_text().splitlines()))
    assert [row["seed"] for row in rows] == ["0", "1", "2", "3"]
    assert len({row["mse"] for row in rows}) == 4


def test_results_on_other_data_are_not_taken_for_finished(finished, tetrominoes):
    for data, is_finished in (("procedural", True), (str(tetrominoes), False)):
        out = ["--resume", "auto", "--out", str(finished / "sa-16"), "--variant", "sa"]
        group = parse([*SMALL, *out, "--seeds", "2,4", "--data", data])
        assert sweep.is_finished(group) == is_finished


def test_a_seed_that_diverged_is_a_row_without_scores(finished, tmp_path, monkeypatch):
    out = shutil.copytree(finished, tmp_path / "sweep")
    (out / "sa-16" / "seed4" / DIVERGED).write_text("gradient_norm is nan at step 3")
    assert trained(out, monkeypatch) == []
    assert "sa,16,4,,,,,,\n" in (out / "sweep.csv").read_text()
    assert ", diverged | " in (out / "sweep.md").read_text()


def test_a_sweep_goes_on_after_a_group_whose_seeds_have_all_diverged(
    finished, tmp_path, monkeypatch
):
    out = shutil.copytree(finished, tmp_path / "sweep")
    for run in (out / "sa-16").glob("seed*"):
        shutil.rmtree(run)

    def diverge(group):
        for run in split_seeds(group):
            prepare(run)
            mark_as_diverged(folder(run), "loss is nan at step 1")
        raise SystemExit("error: training has diverged with all seeds.")

    monkeypatch.setattr(sweep, "train", diverge)
    with pytest.raises(SystemExit, match="diverged with all seeds of all variants"):
        sweep.main([*words(out), "--variants", "sa"])
    sweep.main(words(out))
    assert "| `sa` | 16 | diverged, diverged | – | 0 of 2 |" in (out / "sweep.md").read_text()
    assert "isa-t,16,4,0." in (out / "sweep.csv").read_text()


def test_options_of_one_run_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="error: --variant is not for a sweep"):
        sweep.main([*words(tmp_path / "sweep"), "--variant", "sa"])
    with pytest.raises(SystemExit, match="Unknown variant 'isa-x'; valid ones are sa, isa-t"):
        sweep.main([*words(tmp_path / "sweep"), "--variants", "isa-x"])
    assert not (tmp_path / "sweep").exists()
