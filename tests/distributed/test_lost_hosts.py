"""Two hosts train together; one is killed. The run ends as if it had not been."""

import subprocess
import sys
import time

import pytest

from ..tiny import SMALL
from .test_devices import free_port

RECIPE = [*SMALL, "--steps", "60", "--eval-every", "15", "--batch-size", "4"]


def hosts(run, *words):
    """Two processes of the command, each of which is a host."""
    place = ["--distributed", "--coordinator", f"localhost:{free_port()}", "--hosts", "2"]
    command = [sys.executable, "-m", "training.run", *RECIPE, "--out", str(run), *place, *words]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return [subprocess.Popen([*command, "--host", str(host)], **pipes) for host in range(2)]


def finished(processes):
    """What they printed, once both are done."""
    said = [process.communicate(timeout=300) for process in processes]
    assert all(process.returncode == 0 for process in processes), said
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    (said, _), (other, _) = finished(hosts(run))
    assert "FG-ARI" in said and "FG-ARI" not in other
    return run


@pytest.mark.slow
def test_a_lost_host_is_said_and_the_run_ends_with_the_same_weights(whole, tmp_path):
    run = tmp_path / "run"
    left, killed = hosts(run)
    while not (run / "checkpoints" / "step-00000015").exists():
        assert left.poll() is None, left.communicate()
        time.sleep(0.01)
    time.sleep(0.1)  # to be in a step, rather than in the scores at 15, where exchanges fail alike
    killed.kill()
    _, said = left.communicate(timeout=20)  # before JAX notices, by 30 s without a word
    killed.communicate()
    assert left.returncode == 1
    assert "\nerror: host 0 has lost another host (" in said, said
    assert said.rstrip().endswith("--host 0 --resume")
    assert not (run / "model.safetensors").exists()

    finished(hosts(run, "--resume", "auto"))
    assert "the run was resumed" in (run / "README.md").read_text()
    ours, theirs = (folder / "model.safetensors" for folder in (run, whole))
    assert ours.read_bytes() == theirs.read_bytes()
