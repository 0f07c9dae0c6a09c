"""The command, as a person types it, in processes of its own."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy

from isa_eqx import ISA
from training.arguments import parse
from training.data import load
from training.distributed.signals import TRY_AGAIN
from training.evaluation.scoring import METRICS, evaluate
from training.presets import command
from training.run import main
from training.runs import checkpoint
from training.runs.prepare import plan, prepare
from training.runs.provenance import commit_hash, device_name
from training.runs.report import share
from training.step import initial_state

from ..conftest import HUB, assert_same, run_lines
from ..loopback import OWNER, STRANGER

STEPS, EVERY = 290, 100  # the last look comes at the end, not after as many again
OPTIONS = ("--preset", "quick", "--steps", str(STEPS), "--eval-every", str(EVERY))
SMALL = ("--batch-size", "2", "--train-examples", "16", *shlex.split(
    "--num-rounds 2 --slot-size 16 --hidden-size 16 --encoder-channels 8 --encoder-strides 5 "
    "--decoder-channels 16 16"
))  # fmt: skip
FILES = {"README.md", "config.json", "model.safetensors", "metrics.jsonl", "samples.png"}
FILES |= {"train.json", "curve.png"}
REPO = "user/isa-tetrominoes"
PUSHED = ("--push-to-hub", "stranger/early")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One compilation for all the processes."""
    cache = str(tmp_path_factory.mktemp("compiled"))
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "HF_TOKEN": OWNER,
    }


def started(environment, *arguments):
    command = [sys.executable, "-m", "training.run", "--dataset", "tetrominoes", *arguments]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return subprocess.Popen(command, env=environment, **pipes)


def finished(environment, *arguments):
    process = started(environment, *arguments)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def wait_for_checkpoint(run: Path, process, after=-1):
    while process.poll() is None:
        steps = [int(p.name[5:]) for p in run.glob("checkpoints/step-*")]
        if max(steps, default=-1) > after:
            return max(steps)
        time.sleep(0.01)
    raise AssertionError(process.communicate()[0])


@pytest.fixture(scope="module")
def whole(environment, tmp_path_factory):
    """The folder of a run, what it said, and what it pushed."""
    run = tmp_path_factory.mktemp("whole") / "run"
    HUB.repos.pop(("model", REPO), None)
    where = ("--out", str(run), "--push-to-hub", REPO)
    code, said = finished(environment, *OPTIONS, *SMALL, *where)
    assert code == 0, said
    assert HUB.repo(REPO).history() == ["Upload model", "initial commit"]
    return run, said, HUB.files(REPO)


def test_a_run_leaves_its_files_and_prints_its_scores(whole):
    run, said, _ = whole
    assert {p.name for p in run.iterdir()} == FILES | {"checkpoints"}
    assert "FG-ARI" in said and "procedural" in said
    assert ISA.from_pretrained(run).config.variant == "isa-t"
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert all({"step", "seconds"} <= record.keys() for record in records)
    assert {"loss", "gradient_norm", "validation_fg_ari", "final_fg_ari"} <= {
        name for record in records for name in record
    }


def test_its_scores_are_of_the_model_that_it_leaves_on_all_of_validation(whole):
    """Computed again from its files, and said on the screen by their names."""
    run, said, _ = whole
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    validation = load("tetrominoes", "validation")
    scores, _ = evaluate(ISA.from_pretrained(run), validation, "tetrominoes")
    assert len(validation) == records[-1]["images"] == 1000
    for name, label in METRICS.items():
        np.testing.assert_allclose(scores[name], records[-1][f"final_{name}"], rtol=1e-3, atol=1e-4)
        assert re.search(rf"^ +{label} +{records[-1][f'final_{name}']:.4f}$", said, re.MULTILINE)
    looks = [record["step"] for record in records if "validation_ari" in record]
    assert looks == [*range(EVERY, STEPS, EVERY), STEPS]
    assert (run / "checkpoints" / f"step-{STEPS:08d}").is_dir()


def test_what_it_pushed_is_what_it_left(whole, tmp_path):
    run, said, pushed = whole
    assert pushed.keys() == FILES and f"/{REPO}/commit/" in said
    for name in FILES - {"README.md"}:
        assert pushed[name] == (run / name).read_bytes()
    HUB.put(REPO, pushed)
    assert_same(ISA.from_pretrained(REPO, cache_dir=tmp_path), ISA.from_pretrained(run))


def test_a_push_that_fails_can_be_made_up_for(whole, environment, monkeypatch):
    run, _, pushed = whole
    monkeypatch.setenv("HF_TOKEN", OWNER)
    HUB.repos.pop(("model", REPO), None)
    with HUB.fault("POST .*/commit/", status=500), pytest.raises(SystemExit) as stopped:
        share(run, REPO)
    error, _, command = stopped.value.code.splitlines()
    assert error.startswith(f"error: pushing to {REPO}: the Hub did not answer (")
    assert shlex.split(command) == ["python", "-m", "hub.push", str(run), REPO]
    words = [sys.executable, *shlex.split(command)[1:]]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert f'To load it: from_pretrained("{REPO}")' in said.stdout, said.stderr
    assert HUB.files(REPO) == pushed


def test_its_card_holds_its_figures(whole):
    from huggingface_hub import ModelCard

    run, _, _ = whole
    card = ModelCard.load(run / "README.md")
    lines = (run / "metrics.jsonl").read_text().splitlines()
    trained, final = map(json.loads, lines[-2:])
    results = {result.metric_type: result for result in card.data.eval_results}
    assert results.keys() == {"fg_ari", "ari", "miou", "mbo", "mse"}
    named = [(name, result.metric_name) for name, result in results.items()]
    assert named == [*METRICS.items()]
    for name, result in results.items():
        assert result.metric_value == final[f"final_{name}"]
        assert result.dataset_args == {"images": final["images"]}
        assert f"{result.metric_value:.4f}" in card.text
        assert result.dataset_name == "tetrominoes (procedural)"
    assert (card.data.library_name, card.data.license) == ("isa-eqx", "apache-2.0")
    assert card.data.datasets == ["tetrominoes"] and "isa-t" in card.data.tags
    assert f"{final['images']:,}" in card.text and f"{trained['seconds'] / 60:.1f} min" in card.text
    command = re.search(r"```\n(python -m training.run .*)\n```", card.text)[1]
    assert "--preset quick" in command and f"--steps {STEPS}" in command
    for said in (device_name(), commit_hash(), "procedural", "| batch_size | 2 |"):
        assert said in card.text


def test_the_lines_on_its_card_take_a_picture_apart(whole, tmp_path, monkeypatch):
    _, _, pushed = whole
    HUB.put(REPO, pushed)
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_bytes(pushed["README.md"])
    assert f'\nmodel = ISA.from_pretrained("{REPO}")\n' in Path("README.md").read_text()
    assert run_lines(Path("README.md")).segmentation.shape == (35, 35)


@pytest.mark.slow
def test_killed_and_stopped_it_ends_with_the_same_weights(environment, whole, tmp_path):
    run = tmp_path / "run"
    arguments = (*OPTIONS, *SMALL, "--out", str(run))
    killed = started(environment, *arguments)
    first = wait_for_checkpoint(run, killed)
    killed.kill()
    killed.communicate()

    stopped = started(environment, *arguments, "--resume")
    wait_for_checkpoint(run, stopped, after=first)
    stopped.send_signal(signal.SIGTERM)
    said, _ = stopped.communicate(timeout=300)
    assert stopped.returncode == TRY_AGAIN == 75, said
    assert "Saved at step" in said and said.rstrip().endswith("--resume")

    code, said = finished(environment, *arguments, "--resume", "auto")
    assert code == 0, said
    ours, theirs = (safetensors.numpy.load_file(r / "model.safetensors") for r in (run, whole[0]))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    steps = [json.loads(x)["step"] for x in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps[-1] == STEPS
    resumed = "device at its end; the run was resumed"
    assert resumed in (run / "README.md").read_text()
    assert resumed not in (whole[0] / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--variant", "isa-tt"), "error: Unknown variant 'isa-tt'; valid ones are sa, isa-t"),
        (("--steps", "0"), "error: steps must be at least 1, got 0."),
        (("--resume", "--out", "{empty}", *PUSHED), "holds no checkpoint to resume"),
        (("--out", "{file}/run", *PUSHED), "error: cannot write to {file}/run (Not a directory)"),
        (
            ("--out", "{full}", *PUSHED),
            "is not empty; continue the run in it with --resume",
        ),
        (
            ("--out", "{new}", "--steps", "2", *SMALL, "--push-to-hub", REPO),
            f"error: pushing to {REPO}: the Hub refuses it (",
        ),
    ],
)
def test_a_mistake_ends_in_one_sentence(tmp_path, monkeypatch, arguments, message):
    places = {"empty": tmp_path / "empty", "file": tmp_path / "file", "full": tmp_path / "full"}
    places["new"] = tmp_path / "new"
    places["empty"].mkdir()
    places["file"].write_text("not a folder")
    places["full"].mkdir()
    (places["full"] / "thesis.txt").write_text("mine")
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    words = ["--dataset", "tetrominoes", "--preset", "quick", *arguments]
    monkeypatch.setattr(sys, "argv", ["run.py", *(a.format(**places) for a in words)])
    with pytest.raises(SystemExit) as stopped:
        main(parse())
    assert message.format(**places) in stopped.value.code
    assert sorted(p.name for p in places["full"].iterdir()) == ["thesis.txt"]
    assert not list(places["new"].glob("*")) and ("model", "stranger/early") not in HUB.repos


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--variant sa --seed 3 --dtype bfloat16",
        "--variant isa-ts --preset paper --recompute True --steps 7 --batch-size 2",
        "--preset quick --train-examples 64 --out somewhere --eval-every 3",
        "--data mirror --cache True --batch-size 8 --train-examples 16",
        "--data mirror --batch-size 8",
        "--learning-rate 2e-4 --num-slots 7 --decoder-channels 8 8 --batch-size 4",
        "--preset quick --loss-pixels None --mixing 0",
        "--dataset clevr --subset clevr6 --num-slots 7",
    ],
)
def test_the_command_of_a_card_repeats_the_recipe(tetrominoes, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror").symlink_to(tetrominoes)

    def recipe(*arguments):
        monkeypatch.setattr(sys, "argv", ["run.py", *arguments])
        return prepare(parse())[0]

    words = words if "--dataset" in words else f"--dataset tetrominoes {words}"
    typed = recipe(*shlex.split(words))
    assert ("--cache True" in words, typed.data == "mirror") == (typed.cache, "mirror" in words)
    shown = shlex.split(command(typed))[3:]
    assert recipe(*shown, "--out", "again") == typed


def test_to_resume_or_start_does_what_can_be_done(tmp_path):
    """Also where a run was killed before its first checkpoint; not among files of another kind."""

    def planned(*arguments):
        words = ["--dataset", "tetrominoes", "--out", str(tmp_path / "run"), *arguments]
        return prepare(parse(words))

    config, run, resumed = planned("--resume", "auto")
    assert not resumed and [file.name for file in run.iterdir()] == ["train.json"]
    (run / ".DS_Store").touch()
    assert planned("--resume", "auto") == (config, run, False)
    assert planned() == (config, run, False)
    checkpoint.save(run, initial_state(config), config, 0.0)
    assert planned("--resume", "auto") == (config, run, True)
    with pytest.raises(ValueError, match="is not empty; continue the run in it"):
        planned()
    shutil.rmtree(run / "checkpoints")
    (run / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="is not empty; continue the run in it"):
        planned("--resume", "auto")


def test_a_tracker_that_is_not_installed_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    out = tmp_path / "run"
    words = ["--dataset", "tetrominoes", "--preset", "quick", "--out", str(out)]
    with pytest.raises(SystemExit, match=r'error: --tracker wandb needs wandb: pip install "isa'):
        main(parse([*words, "--tracker", "wandb"]))
    assert not out.exists()


def test_a_batch_that_no_devices_can_share_leaves_nothing(monkeypatch, tmp_path):
    devices = jax.devices()[:1] * 3
    monkeypatch.setattr("training.distributed.devices.jax.devices", lambda: devices)
    out = tmp_path / "run"
    words = ["--dataset", "tetrominoes", "--preset", "quick", "--out", str(out)]
    with pytest.raises(SystemExit, match="error: batch_size must divide by 3 devices, got 16"):
        main(parse([*words, "--devices", "3"]))
    with pytest.raises(SystemExit, match="error: --devices must be from 1 to 3, as there are, got"):
        main(parse([*words, "--devices", "4"]))
    assert not out.exists()


@pytest.mark.parametrize("dataset", ["tetrominoes", "clevr"])
def test_what_a_cpu_takes_is_said(monkeypatch, tmp_path, capsys, dataset):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.py", "--dataset", dataset])
    plan(parse())
    said = capsys.readouterr().out
    assert "The preset quick is a small model" in said
    assert f"--dataset {dataset} --variant isa-t --preset paper" in said


def test_a_run_stays_with_its_mirror_however_that_is_called(tetrominoes, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirror").symlink_to(tetrominoes)
    shutil.copytree(tetrominoes, tmp_path / "other")

    def recipe(data, *arguments):
        words = ["--dataset", "tetrominoes", "--data", data, "--out", "run", *arguments]
        monkeypatch.setattr(sys, "argv", ["run.py", "--batch-size", "2", *words])
        return prepare(parse())[0]

    began = recipe("mirror")
    for name in ("./mirror", "mirror/", str(tetrominoes)):
        assert recipe(name, "--resume") == began
    assert recipe("other", "--resume") != began


def test_a_mistake_leaves_no_traceback(environment):
    code, said = finished(environment, "--steps", "0")
    assert code == 1 and said.splitlines()[-1] == "error: steps must be at least 1, got 0."
    assert "Traceback" not in said
