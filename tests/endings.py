"""What a run has on disk after it was ended in every way: `python -m tests.endings`.

Trains small models on images made for it, and ends each at a random moment: within twice the time
that it takes to the first line of its log. Prints a table of Markdown. Runs are forked from this
program, which has imported all that they need. Disks are small ones in memory (tmpfs), which only
root may mount; the tracker is Weights & Biases, offline.
"""

import atexit
import contextlib
import dataclasses
import json
import os
import random
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import tyro
from PIL import Image

from training.runs import checkpoint

WORDS = shlex.split(
    "--dataset images --variant sa --preset quick --image-size 16 16 --num-slots 2 --batch-size 1 "
    "--train-examples 8 --num-rounds 1 --slot-size 8 --hidden-size 8 --encoder-channels 4 "
    "--encoder-strides 2 --decoder-channels 8 --loss-pixels 40 --steps 10000000 --eval-every 2000"
)
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGHUP": signal.SIGHUP, "SIGTERM": signal.SIGTERM}
SIGNALS |= {"Ctrl-C": signal.SIGINT}
ENDS = (*SIGNALS, "EPIPE", "ENOSPC", "dead tracker")
OUTPUTS = "a file", "a pipe", "closed"
GOES_ON = 1.0  # seconds that a run is watched after what should not end it
DISK = 2_000_000  # bytes


@dataclasses.dataclass
class Options:
    """End runs, and see what they leave.

    Attributes:
        ends: What ends them.
        moments: Of each end and each place that the output goes to.
        seed: Of the moments.
    """

    ends: tuple[str, ...] = ENDS
    moments: int = 10
    seed: int = 0


@dataclasses.dataclass
class Found:
    """What was on disk.

    Attributes:
        before: The step of the last checkpoint at that moment; -1 if there was none.
        known: The last step in the log at that moment; 0 if there was none.
        after: The step of the last checkpoint in the end; -1 if there is none.
        code: The exit status, or a signal's number below 0.
    """

    before: int
    known: int
    after: int
    code: int

    def kept(self) -> bool:
        return self.after >= self.before

    def whole(self) -> bool:
        return self.kept() and self.after >= self.known


@dataclasses.dataclass
class Run:
    """A process that trains, and the ends of the pipes that its output comes by."""

    pid: int
    pipes: list[int]

    def drop_pipes(self) -> None:
        while self.pipes:
            os.close(self.pipes.pop())

    def is_running(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def goes_on(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < end:
            time.sleep(0.01)
        return self.is_running()

    def wait(self) -> int:
        """The exit status. A Ctrl-C that Python has dropped as it imports is pressed again."""
        if self.goes_on(30):
            os.kill(self.pid, signal.SIGINT)
            print(f"pressed Ctrl-C on {self.pid}", file=sys.stderr)
        assert not self.goes_on(90), f"{self.pid} goes on"
        self.drop_pipes()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(run: Path, data: Path, output: str, end: str = "") -> Run:
    """Start a run whose output goes there. Under EPIPE, its errors go to a pipe in any case."""
    words = [*WORDS, "--data", str(data), "--out", str(run)]
    words += ["--tracker", "wandb"] if end == "dead tracker" else []
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Run(pid, [reader])
    os.close(reader)
    places = {"a file": lambda: os.open(f"{run}.txt", os.O_CREAT | os.O_WRONLY)}
    place = places.get(output, lambda: writer)()
    _redirect(1, None if output == "closed" else place)
    _redirect(2, writer if end == "EPIPE" else None if output == "closed" else place)
    os._exit(_train(words))


def _redirect(descriptor: int, place: int | None) -> None:
    """In a new process: send a standard stream to a place, or close it."""
    name = {1: "stdout", 2: "stderr"}[descriptor]
    if place is None:
        os.close(descriptor)
        setattr(sys, name, None)
    else:
        os.dup2(place, descriptor)
        setattr(sys, name, os.fdopen(descriptor, "w", buffering=1, closefd=False))


def _train(words: list[str]) -> int:
    """Run the command as Python does, and return its exit status."""
    sys.argv = ["training.run", *words]
    code = 0
    try:
        runpy.run_module("training.run", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        code = -signal.SIGINT
    except BaseException:
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    return code & 0xFF


@contextlib.contextmanager
def disk(folder: Path, end: str) -> Iterator[Path]:
    """A folder, which is a small disk of its own if it is to be full."""
    place = Path(tempfile.mkdtemp(dir=folder))
    if end != "ENOSPC":
        yield place
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def strike(process: Run, end: str, output: str, run: Path) -> None:
    """End a run, or what it uses; what should go on is stopped a little later.

    A run whose tracker dies as it starts has nothing to lose yet: it ends, with an error.
    """
    if end in SIGNALS:
        if output == "a pipe" and end in ("Ctrl-C", "SIGHUP"):
            process.drop_pipes()  # a terminal's signal ends the reader, too
        os.kill(process.pid, SIGNALS[end])
        return
    if end == "ENOSPC":
        with contextlib.suppress(OSError), (run.parent / "filler").open("wb", 0) as filler:
            while True:
                filler.write(bytes(4096))
    elif end == "EPIPE":
        process.drop_pipes()
    else:
        subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "-f", "wandb-core"])
    if end != "ENOSPC":
        if process.goes_on(GOES_ON):
            os.kill(process.pid, signal.SIGTERM)
        else:
            assert end == "dead tracker" and not last_line(run), f"{end} has ended the run"


def end_run(data: Path, folder: Path, end: str, output: str, moment: float) -> Found:
    """Start a run, end it at a moment, and return what is on disk."""
    with disk(folder, end) as place:
        run = place / "run"
        process = start(run, data, output, end)
        time.sleep(moment)
        assert process.is_running()
        known, before = last_line(run), last_checkpoint(run)
        strike(process, end, output, run)
        return Found(before, known, code=process.wait(), after=last_checkpoint(run))


def last_checkpoint(run: Path) -> int:
    """The step of the newest checkpoint, whose checksum is right; -1 if there is none."""
    step = checkpoint.last_step(run)
    if step is None:
        return -1
    folder = checkpoint.list_checkpoints(run)[-1]
    record = json.loads((folder / checkpoint.RECORD).read_text())
    assert record["sha256"] == checkpoint._digest(folder / checkpoint.ARRAYS), folder
    return step


def last_line(run: Path) -> int:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return json.loads(lines[-1])["step"] if lines else 0


def first_line(data: Path, folder: Path) -> float:
    """The seconds that a run takes to the first line of its log."""
    run, began = folder / "first", time.monotonic()
    process = start(run, data, "a file")
    while not last_line(run):
        time.sleep(0.01)
        assert process.is_running()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(run)
    return time.monotonic() - began


def make_mirror(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(10):
        pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
    words = ["images", "--source", str(folder / "images"), "--to", str(folder / "mirror")]
    command = [sys.executable, "-m", "hub.mirror", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "mirror"


def describe(found: list[Found]) -> str:
    """A cell of the table: how many kept all, of how many that had taken a step."""
    stepped = [one for one in found if one.known]
    codes = ", ".join(map(str, sorted({one.code for one in found})))
    return (
        f"{sum(one.kept() for one in found)} of {len(found)}, "
        f"{sum(one.whole() for one in stepped)} of {len(stepped)} ({codes})"
    )


def prepare(folder: Path) -> None:
    """Set what the runs inherit."""
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which `nohup` ignores
    warnings.filterwarnings("ignore", "os.fork")  # nothing has been computed here


def main(options: Options) -> None:
    draw = random.Random(options.seed)
    print(f"| | {' | '.join(OUTPUTS)} |\n|---|---|---|---|", flush=True)
    # By hand, as runs would delete a `TemporaryDirectory` that they inherit.
    folder = Path(tempfile.mkdtemp())
    try:
        prepare(folder)
        data = make_mirror(folder)
        first_line(data, folder)  # which compiles
        latest = 2 * first_line(data, folder)
        for end in options.ends:
            cells = []
            for output in OUTPUTS:
                moments = [draw.uniform(0, latest) for _ in range(options.moments)]
                cells.append(describe([end_run(data, folder, end, output, m) for m in moments]))
            print(f"| {end} | {' | '.join(cells)} |", flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(tyro.cli(Options, prog="python -m tests.endings"))
