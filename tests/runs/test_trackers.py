"""Trackers get what metrics.jsonl gets. Their libraries are stood in for; none is needed here."""

import json
import os
import subprocess
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from training.runs.log import Log
from training.runs.trackers import TRACKERS
from training.runs.tracking import check_tracker, make_tracker, with_prefix

pytestmark = pytest.mark.quick


@pytest.fixture
def run(tmp_path):
    (tmp_path / "train.json").write_text("{}")
    return tmp_path


@pytest.fixture
def library(monkeypatch):
    """In place of each tracker's."""
    module: Any = ModuleType("library")
    for function in ("SummaryWriter", "init", "login", "log", "finish", "teardown"):
        setattr(module, function, mock.MagicMock())
    for name, _ in TRACKERS.values():
        monkeypatch.setitem(sys.modules, name, module)
    return module


def test_a_library_that_is_absent_is_named_with_the_command(run, monkeypatch):
    for name, (library, _) in TRACKERS.items():
        monkeypatch.setitem(sys.modules, library, None)
        command = rf'--tracker {name} needs {library}: pip install "isa-eqx\[{name}\]"'
        with pytest.raises(ValueError, match=command):
            make_tracker(name, run, {}, 0)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_gets_every_line_of_the_log(run, library, name):
    tracker = make_tracker(name, run, {"seed": 3}, 20)
    log = Log(run / "metrics.jsonl", 20, 0.0, [tracker])
    log.write(21, {"loss": 2.0})
    log.write(22, {"loss": 1.0, "fg_ari": 0.5})
    tracker.finish()
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [21, 22]
    writer, its_run = library.SummaryWriter.return_value, library.init.return_value
    if name == "tensorboard":
        assert library.SummaryWriter.call_args.kwargs["purge_step"] == 21
        calls = [call.args for call in writer.add_scalar.call_args_list]
        assert calls == [("loss", 2.0, 21), ("loss", 1.0, 22), ("fg_ari", 0.5, 22)]
        writer.close.assert_called_once()
    else:
        sent = its_run if name == "wandb" else library
        calls = [(call.args[0], call.kwargs["step"]) for call in sent.log.call_args_list]
        assert calls == [({"loss": 2.0}, 21), ({"loss": 1.0, "fg_ari": 0.5}, 22)]
        assert library.init.call_args.kwargs["config"] == {"seed": 3}
        sent.finish.assert_called_once()


@pytest.fixture
def service(library):
    """A process that the library sends metrics to, as some do."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0)

    def log(metrics, step):
        process.stdin.write(f"{step} {metrics}\n".encode())

    library.init.return_value.log = log
    yield process
    process.kill()
    process.communicate()


def test_a_run_goes_on_when_the_service_of_its_tracker_dies(run, service, library, capsys):
    tracker = make_tracker("wandb", run, {}, 0)
    log = Log(run / "metrics.jsonl", 0, 0.0, [with_prefix(tracker, "seed0/")])
    log.write(1, {"loss": 1.0})
    service.kill()
    service.wait()
    for step in (2, 3):
        log.write(step, {"loss": 1.0})
    tracker.finish()
    library.teardown.assert_called_once()
    assert capsys.readouterr().err == (
        "warning: the tracker wandb has failed (Broken pipe). It gets no more of this "
        "run, which goes on; metrics.jsonl has everything.\n"
    )
    lines = (run / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


class UsageError(Exception):
    """As libraries of trackers raise, of no kind of Python's own."""


@pytest.mark.parametrize(("name", "begins"), [("wandb", "login"), ("trackio", "init")])
def test_a_tracker_that_cannot_be_started_is_named(run, library, monkeypatch, name, begins):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    getattr(library, begins).side_effect = UsageError("No API key configured.")
    with pytest.raises(ValueError, match=rf"--tracker {name} cannot be started \(No API key con"):
        check_tracker(name)
        make_tracker(name, run, {}, 0)


def test_nobody_has_to_log_in_where_nothing_is_sent(library, monkeypatch):
    library.login.side_effect = UsageError
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in TRACKERS:
        check_tracker(name)


def test_several_seeds_share_a_tracker_under_their_names(run, library):
    shared = make_tracker("tensorboard", run, {}, 0)
    for seed in (3, 5):
        log = Log(run / f"seed{seed}.jsonl", 0, 0.0, [with_prefix(shared, f"seed{seed}/")])
        log.write(1, {"loss": float(seed)})
    calls = [call.args for call in library.SummaryWriter.return_value.add_scalar.call_args_list]
    assert calls == [("seed3/loss", 3.0, 1), ("seed5/loss", 5.0, 1)]


def test_a_resumed_run_is_the_same_one_to_its_tracker_and_a_new_one_is_not(run, library):
    identities = []
    for began in (1, 1, 2):
        os.utime(run / "train.json", ns=(began, began))
        make_tracker("wandb", run, {}, 0)
        identities.append(library.init.call_args.kwargs["id"])
    assert identities[0] == identities[1] != identities[2]
