"""Several seeds at once: each learns what it learns alone."""

import dataclasses
import json
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import ISA
from training.arguments import parse
from training.data import Place
from training.data.scenes import shuffled_batches
from training.distributed.devices import all_devices
from training.ensemble import Ensemble
from training.loop import train
from training.options import seeds_of
from training.run import main
from training.runs import Run, checkpoint
from training.runs.log import Log
from training.runs.saving import Saver
from training.runs.seeds import has_diverged, split_seeds
from training.runs.summary import summarise
from training.step import initial_state, train_step

from ..tiny import SMALL, TINY, equal

SEEDS, STEPS = (3, 5, 9), 20


def states(*seeds):
    return [initial_state(dataclasses.replace(TINY, seed=seed)) for seed in seeds]


def stream(scenes):  # noqa: F811
    return shuffled_batches(scenes.images, Place(TINY.batch_size))


def alone(state, scenes):  # noqa: F811
    """The losses of a model that is trained by itself, and its last state."""
    batches, losses = stream(scenes), []
    for _ in range(STEPS):
        state, measured = train_step(next(batches), state, TINY)
        losses.append(float(measured["loss"]))
    return losses, state


def arrays(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_each_seed_has_the_losses_and_weights_that_it_has_alone(scenes, monkeypatch, backend):  # noqa: F811
    """One after another as on a CPU, and by `vmap` as on a GPU."""
    monkeypatch.setattr("training.ensemble.jax.default_backend", lambda: backend)
    ensemble, batches = Ensemble(states(*SEEDS), TINY, all_devices()), stream(scenes)
    steps = [ensemble.step(next(batches)) for _ in range(STEPS)]
    for place, state in enumerate(states(*SEEDS)):
        losses, after = alone(state, scenes)
        np.testing.assert_allclose([float(s[place]["loss"]) for s in steps], losses, rtol=1e-5)
        for ours, theirs in zip(*map(arrays, (ensemble.state(place), after)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    seeds = [int(ensemble.state(place).seed) for place in range(len(SEEDS))]
    assert seeds == [*SEEDS]


def runs_of(folder, configs):
    return [
        Run(c, path, False, Log(path / "metrics.jsonl", 0, 0.0), Saver(path, c), place, alone=False)
        for place, c in enumerate(configs)
        for path in [folder / f"seed{c.seed}"]
    ]


def broken(state):
    return eqx.tree_at(lambda s: s.model.initial_slots, state, replace_fn=lambda x: x * jnp.nan)


def test_a_seed_that_diverges_is_left_and_the_others_go_on(scenes, tmp_path, capsys):  # noqa: F811
    configs = [dataclasses.replace(TINY, seed=seed) for seed in SEEDS]
    runs, (one, two, three) = runs_of(tmp_path, configs), states(*SEEDS)
    mesh = all_devices()
    ensemble = Ensemble([one, broken(two), three], TINY, mesh)
    done = train(ensemble, runs, 0, mesh, stream(scenes), lambda: scenes, 10)
    assert [run.config.seed for run in done] == [3, 9]
    assert [has_diverged(run.folder) for run in runs] == [False, True, False]
    assert [len(checkpoint.list_checkpoints(run.folder)) for run in runs] == [2, 0, 2]
    assert "seed5: gradient_norm is nan at step 1: training has diverged" in capsys.readouterr().err
    # The same program with all of them well: to the bit, as one for a single model need not be.
    well, batches = Ensemble(states(*SEEDS), TINY, mesh), stream(scenes)
    for _ in range(STEPS):
        well.step(next(batches))
    for run, state, place in zip(done, states(3, 9), (0, 2), strict=True):
        saved, _ = checkpoint.restore(run.folder, state, run.config)
        assert equal(saved, well.state(place))


def test_a_program_whose_seeds_have_all_diverged_says_so_and_is_not_run_again(
    tmp_path, monkeypatch, capsys
):
    group = tmp_path / "group"
    monkeypatch.setattr(
        "training.runs.start.initial_state", lambda config: broken(initial_state(config))
    )
    for again in ("no", "yes"):
        with pytest.raises(SystemExit, match="error: training has diverged with all seeds."):
            main(parse([*SMALL, "--seeds", "2,4", "--out", str(group), "--resume", again]))
        assert json.loads((group / "summary.json").read_text())["scores"] == {"2": None, "4": None}
    said = capsys.readouterr().out
    assert "Seed 4 has diverged, and is left as it is" in said and "0 of 2 seeds" in said
    monkeypatch.undo()
    alone = ["--seed", "4", "--data-seed", "0", "--out", str(group / "seed4")]
    shutil.rmtree(group / "seed4" / "checkpoints")
    recipe = parse([*SMALL, *alone]).recipe
    checkpoint.save(group / "seed4", initial_state(recipe), recipe, 0.0)
    main(parse([*SMALL, *alone, "--resume"]))
    assert not has_diverged(group / "seed4")


def test_a_seed_that_has_not_begun_does_not_take_the_others_back(tmp_path):
    group = ["--out", str(tmp_path), "--resume", "auto"]
    for run in split_seeds(parse([*SMALL, "--seeds", "2,4", *group])):
        state = dataclasses.replace(initial_state(run.recipe), step=jnp.asarray(3))
        (run.output.out / "train.json").parent.mkdir()
        (run.output.out / "train.json").write_text(json.dumps(run.recipe.to_dict()))
        checkpoint.save(run.output.out, state, run.recipe, 0.0)
    with pytest.raises(SystemExit, match="of the seeds, 2, 4 have begun and 7 have not; finish"):
        main(parse([*SMALL, "--seeds", "2,4,7", *group]))


def test_a_command_leaves_a_run_of_each_seed_that_is_what_it_is_alone(tmp_path, capsys):
    """Also if it was killed after one seed was saved and before the other was."""
    group = tmp_path / "group"
    main(parse([*SMALL, "--seeds", "2,4", "--out", str(group)]))
    said = capsys.readouterr().out
    summary = json.loads((group / "summary.json").read_text())
    assert {path.name for path in group.iterdir()} == {"seed2", "seed4", "summary.json"}
    path, whole = group / "seed4", tmp_path / "alone"
    main(parse([*SMALL, "--seed", "4", "--data-seed", "0", "--out", str(whole)]))
    recipe = (path / "train.json").read_text()
    assert recipe == (whole / "train.json").read_text()
    ours, theirs = map(ISA.from_pretrained, (path, whole))
    for a, b in zip(*map(arrays, (ours, theirs)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    last = json.loads((path / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["final_fg_ari"] == summary["scores"]["4"]["fg_ari"]
    assert f"{last['final_fg_ari']:.4f}" in said
    card = (path / "README.md").read_text()
    assert all(part in card for part in ("--seed 4 ", "--data-seed 0", "2 seeds at once"))
    before = [ISA.from_pretrained(group / f"seed{seed}") for seed in (2, 4)]
    shutil.rmtree(group / "seed4" / "checkpoints" / "step-00000006")
    for seed in (2, 4):
        (group / f"seed{seed}" / "README.md").unlink()
    main(parse([*SMALL, "--seeds", "2,4", "--out", str(group), "--resume"]))
    for seed, model in zip((2, 4), before, strict=True):
        assert equal(arrays(ISA.from_pretrained(group / f"seed{seed}")), arrays(model))
        lines = (group / f"seed{seed}" / "metrics.jsonl").read_text().splitlines()
        looks = [line["step"] for line in map(json.loads, lines) if "validation_ari" in line]
        assert looks == [3, 6]


def test_a_folder_that_is_taken_is_said_before_any_other_is_created(tmp_path):
    (tmp_path / "seed4").mkdir()
    (tmp_path / "seed4" / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit, match="seed4 is not empty"):
        main(parse([*SMALL, "--seeds", "2,4", "--out", str(tmp_path)]))
    assert [path.name for path in tmp_path.iterdir()] == ["seed4"]


def test_runs_without_a_common_checkpoint_are_not_resumed(tmp_path):
    for seed, step in ((1, 3), (2, 5)):
        state = dataclasses.replace(states(seed)[0], step=jnp.asarray(step))
        checkpoint.save(tmp_path / f"seed{seed}", state, TINY, 0.0)
    with pytest.raises(ValueError, match=r"the same step \(.*seed1 at 3, .*seed2 at 5\)"):
        checkpoint.common_step([tmp_path / "seed1", tmp_path / "seed2"])


def test_seeds_are_a_number_of_them_or_a_list():
    assert seeds_of("3") == (0, 1, 2) and seeds_of("3", 50) == (50, 51, 52)
    assert seeds_of("3,5,9") == (3, 5, 9) and seeds_of("7,") == (7,)
    for text in ("many", "-1", "1.5", "", ",", "1,x"):
        with pytest.raises(ValueError, match=r"--seeds must be how many \(8\) or which \(3,5,9\)"):
            seeds_of(text)
    for text in ("0", "3,3"):
        with pytest.raises(ValueError, match="one seed or more, each of them once, got"):
            seeds_of(text)
    with pytest.raises(SystemExit, match="--seeds is for the devices of one host"):
        parse([*SMALL, "--seeds", "2", "--distributed"])


def test_each_seed_has_a_folder_and_a_repo_and_all_the_same_images():
    words = [*SMALL, "--seed", "5", "--seeds", "2", "--push-to-hub", "user/isa"]
    found = split_seeds(parse(words))
    assert [(one.recipe.seed, one.recipe.data_seed) for one in found] == [(5, 0), (6, 0)]
    assert [str(one.output.out) for one in found] == [
        f"runs/tetrominoes-isa-t/seed{seed}" for seed in (5, 6)
    ]
    assert [one.output.push_to_hub for one in found] == ["user/isa-seed5", "user/isa-seed6"]


def test_a_summary_has_median_worst_and_best_and_counts_those_that_diverged(tmp_path, capsys):
    scores = {
        seed: {"fg_ari": fg_ari, "ari": 0.5, "miou": 0.4, "mbo": 0.4, "mse": mse}
        for seed, fg_ari, mse in ((1, 0.95, 0.1), (2, 0.2, 0.3), (3, 0.91, 0.2))
    }
    summarise(tmp_path, {**scores, 4: None})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["median"]["fg_ari"], summary["median"]["mse"]) == (0.91, 0.2)
    assert (summary["worst"]["fg_ari"], summary["worst"]["mse"]) == (0.2, 0.3)
    assert (summary["best"]["fg_ari"], summary["best"]["mse"]) == (0.95, 0.1)
    assert (summary["bound"], summary["seeds"], summary["scores"]["4"]) == (2, 4, None)
    said = capsys.readouterr().out
    assert "4         diverged" in said and "2 of 4 seeds" in said
