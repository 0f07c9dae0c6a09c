"""A mirror on the Hub: pushed shard by shard, streamed, and read on when the connection drops."""

import contextlib
import itertools
import re
import sys
import time

import datasets
import numpy as np
import pytest
import safetensors.numpy

import hub.mirror.convert
from hub.mirror import choose_target, mirror
from training import presets
from training.arguments import parse
from training.data import Place, resolve, shuffling
from training.data.mirrored import open_mirror
from training.data.stream import read_rows, stream_rows
from training.presets import Preset
from training.run import main

from ..conftest import HUB, SMALL
from ..loopback import OWNER, READER, STRANGER
from ..releases import multi_object, waymo_frames

REPO = "user/isa-clevr"
COUNT, TRAIN = 112, 12
SHARD = "resolve/.*/data/train-0000[24]"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return multi_object("clevr", tmp_path_factory.mktemp("source"), count=COUNT, kind="plain")[0]


@contextlib.contextmanager
def small_shards():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub.mirror.convert, "MEGABYTE", 30_000)
        patch.setenv("HF_TOKEN", OWNER)
        yield


@pytest.fixture(scope="module")
def pushed(source):
    """The repo, in which the training set has six shards."""
    HUB.repos.pop(("dataset", REPO), None)
    with small_shards():
        mirror("clevr", [source], choose_target(REPO, "clevr", False), shard_mb=1)
    return HUB.repo(REPO, "dataset")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # of the Hub's client and of datasets
    monkeypatch.setattr(datasets.config, "STREAMING_READ_MAX_RETRIES", 3)
    monkeypatch.setenv("HF_TOKEN", READER)


def contents(repo, revision="main"):
    return {n: f.data for n, f in repo.commits[repo.resolve(revision)].files.items()}


def test_a_shard_is_a_commit(pushed):
    titles = pushed.history()
    shards = sorted(name for name in contents(pushed) if name.startswith("data/"))
    assert titles[0] == "Finish the mirror" and titles[-1] == "initial commit"
    assert sorted(titles[1:-1]) == [f"Add {name}" for name in shards]
    assert {"README.md", "mirror.json", "samples.png"} == contents(pushed).keys() - set(shards)


def test_a_push_that_was_interrupted_goes_on(pushed, source):
    repo, harmed = "user/again", choose_target("user/again", "clevr", False)
    with small_shards():
        with (
            HUB.fault("POST .*/commit/", status=500, times=99, after=4),
            pytest.raises(ConnectionError, match="pushing to user/again: the Hub did not answer"),
        ):
            mirror("clevr", [source], harmed, shard_mb=1)
        finished = contents(HUB.repo(repo, "dataset"))
        mirror("clevr", [source], harmed, shard_mb=1)
    whole = contents(HUB.repo(repo, "dataset"))
    changed = {"mirror.json", "README.md"}
    assert len(finished) == 6 and whole["mirror.json"] != finished["mirror.json"]
    assert all(whole[name] == data for name, data in finished.items() if name not in changed)
    data = [{n: d for n, d in x.items() if n != "README.md"} for x in (whole, contents(pushed))]
    assert data[0] == data[1]


def test_who_may_not_write_is_told_before_anything_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(ValueError, match="pushing to user/new: the Hub refuses it"):
        mirror("clevr", [tmp_path / "none"], choose_target("user/new", "clevr", False))


def test_waymo_goes_to_private_repos_only(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", OWNER)
    with pytest.raises(ValueError, match=r"may not be pushed to a public repo\. .*Add --private"):
        choose_target("user/waymo", "waymo_open", False)
    mirror(
        "waymo_open",
        [waymo_frames(tmp_path)[0]],
        choose_target("user/waymo", "waymo_open", True),
    )
    assert HUB.repo("user/waymo", "dataset").private
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    with pytest.raises(ValueError, match="no such repo, or a private one"):
        open_mirror("user/waymo", "waymo_open")
    monkeypatch.setenv("HF_TOKEN", OWNER)
    found = open_mirror("user/waymo", "waymo_open")
    assert all(len(list(read_rows(found, split))) == found.count(split) for split in found.files)


def test_it_streams_and_pins_its_commit(pushed, capsys):
    found = open_mirror(REPO, "clevr")
    config = resolve(presets.preset("clevr", data=REPO, batch_size=5))
    assert config.data == found.name == f"{REPO}@{pushed.refs['main']}"
    assert config.train_examples == TRAIN
    assert f"{REPO} has {TRAIN} images to train on, the recipe wants" in capsys.readouterr().out
    HUB.requests.clear()
    assert [row["index"] for row in read_rows(found, "train")] == list(range(COUNT - TRAIN, COUNT))
    fetched = [r for r in HUB.requests if "/resolve/" in r]
    assert len(fetched) == 6 and all(f"/resolve/{pushed.refs['main']}/" in r for r in fetched)


@pytest.mark.parametrize(
    "what",
    [dict(drop=20_000), dict(drop=20_000, times=3), dict(stall=2.5), dict(status=503)],
)
def test_no_row_is_lost_or_repeated_when_the_connection_drops(pushed, what):
    found = open_mirror(REPO, "clevr")
    with HUB.fault(SHARD, **what) as fault:
        stream = stream_rows(found, "train", None, Place(1))
        indices = [row["index"] for row in itertools.islice(stream, 2 * TRAIN)]
    assert fault.times == 0
    calm = stream_rows(found, "train", None, Place(1))
    assert indices == [row["index"] for row in itertools.islice(calm, 2 * TRAIN)]
    for epoch in (indices[:TRAIN], indices[TRAIN:]):
        assert sorted(epoch) == list(range(COUNT - TRAIN, COUNT))


def test_what_is_resumed_fetches_no_file_of_which_nothing_is_left(pushed, monkeypatch):
    monkeypatch.setattr(shuffling, "BUFFER", 4)
    found = open_mirror(REPO, "clevr")
    whole = list(itertools.islice(stream_rows(found, "train", None, Place(1)), TRAIN))
    HUB.requests.clear()
    stream = stream_rows(found, "train", None, Place(1, TRAIN - 1))
    assert next(stream) == whole[-1]
    assert 1 <= sum("GET" in r and "/resolve/" in r for r in HUB.requests) <= 2  # of six


@pytest.mark.parametrize(
    ("what", "kind", "said"),
    [
        (dict(short=20_000), ValueError, "train-0000[24].parquet is damaged or gone .*make it"),
        (dict(status=401), ValueError, "reading .*train-0000[24].parquet: .* log in with"),
        (dict(status=404), ValueError, "reading .*train-0000[24].parquet: the Hub refuses it"),
    ],
)
def test_what_cannot_be_waited_for_names_the_file(pushed, what, kind, said):
    with HUB.fault(SHARD, **what), pytest.raises(kind, match=said):
        list(read_rows(open_mirror(REPO, "clevr"), "train"))


@pytest.fixture
def command(monkeypatch, tmp_path):
    """The command of the run, with a model that is small enough for a test."""
    changes = SMALL | dict(image_size=(24, 24))
    small = Preset("clevr", model=changes | dict(decoder_strides=()), training=dict(steps=20))
    monkeypatch.setitem(presets.PRESETS, ("clevr", "paper"), small)

    def run(out, *more):
        words = ["--dataset", "clevr", "--data", REPO, "--steps", "20", "--batch-size", "5"]
        words += ["--out", str(tmp_path / out), *more]
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        main(parse())
        return safetensors.numpy.load_file(tmp_path / out / "model.safetensors")

    return run


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.slow
def test_a_run_learns_the_same_whatever_the_connection_does(pushed, command, tmp_path, capsys):
    calm = command("calm")
    card = (tmp_path / "calm" / "README.md").read_text()
    assert f"{REPO}@{pushed.refs['main']}" in card and f"datasets:\n- {REPO}\n" in card
    with HUB.fault(SHARD, drop=20_000) as fault:
        assert same(command("dropped"), calm)
    assert fault.times == 0


@pytest.mark.slow
def test_a_run_saves_itself_when_the_hub_goes_away(pushed, command, capsys):
    """By the time it is resumed, the repo has moved on; the run stays with what it began with."""
    began, calm = pushed.refs["main"], command("calm")
    with HUB.fault(SHARD, drop=9, times=10**6, after=5), pytest.raises(SystemExit) as stopped:
        command("away")
    assert re.fullmatch(r"error: reading .*parquet: the Hub did not answer.*", stopped.value.code)
    assert re.search(r"Saved at step \d+\. Continue with:\n.* --resume\n$", capsys.readouterr().out)
    pushed.commit(began, "main", {"data/train-00000.parquet": None}, "spoil it")
    try:
        assert same(command("away", "--resume"), calm)
    finally:
        pushed.refs["main"] = began
