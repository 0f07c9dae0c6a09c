"""What a run has on disk after it was ended in every way: `python -m tests.endings --moments 10`.

Trains small models on images made for it, and ends each at a random moment: within twice the time
that it takes from its start to the first line of its log.
Prints a table of Markdown. Disks are small ones in memory (tmpfs), which only root may mount; the
tracker is Weights & Biases, offline.
"""

import contextlib
import dataclasses
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from hub.mirror.__main__ import main as mirror
from training.runs import checkpoint

WORDS = shlex.split(
    "--dataset images --preset quick --image-size 16 16 --num-slots 2 --batch-size 1 "
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
        moments: Of each end and each place that the output goes to.
        at_once: Runs side by side.
        seed: Of the moments.
    """

    moments: int = 10
    at_once: int = 2
    seed: int = 0


@dataclasses.dataclass
class Found:
    """What was on disk.

    Attributes:
        before: The step of the last checkpoint at that moment; -1 if there was none.
        known: The last step in the log at that moment; 0 if there was none.
        after: The step of the last checkpoint in the end; -1 if there is none.
        code: The exit status.
    """

    before: int
    known: int
    after: int
    code: int

    def kept(self) -> bool:
        return self.after >= self.before

    def whole(self) -> bool:
        return self.kept() and self.after >= self.known


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


def started(run: Path, data: Path, output: str, end: str, folder: Path) -> subprocess.Popen:
    """A run whose output goes there. Under EPIPE, its standard error is a pipe in any case."""
    words = [*WORDS, "--data", str(data), "--out", str(run)]
    words += ["--tracker", "wandb"] if end == "dead tracker" else []
    pipe = subprocess.PIPE
    environment = os.environ | {
        "WANDB_MODE": "offline", "WANDB_SILENT": "true",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "true",
    }  # fmt: skip
    command = [sys.executable, "-m", "training.run", *words]
    if output == "closed":
        closed = ">&-" if end == "EPIPE" else ">&- 2>&-"
        command = ["bash", "-c", f"exec {shlex.join(command)} {closed}"]
    out = (run.parent / f"{run.name}.txt").open("w") if output == "a file" else pipe
    error = out if output == "a file" and end != "EPIPE" else pipe
    return subprocess.Popen(command, stdout=out, stderr=error, env=environment)


def drop_pipes(process: subprocess.Popen) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def strike(process: subprocess.Popen, end: str, output: str, run: Path) -> None:
    """End a run, or what it uses; what should go on is stopped a little later."""
    if end in SIGNALS:
        if output == "a pipe" and end in ("Ctrl-C", "SIGHUP"):
            drop_pipes(process)  # a terminal's signal ends the reader, too
        process.send_signal(SIGNALS[end])
        return
    if end == "ENOSPC":
        with contextlib.suppress(OSError), (run.parent / "filler").open("wb", 0) as filler:
            while True:
                filler.write(bytes(4096))
    elif end == "EPIPE":
        drop_pipes(process)
    else:
        subprocess.run(["pkill", "-KILL", "-P", str(process.pid), "-f", "wandb-core"])
    if end != "ENOSPC":
        time.sleep(GOES_ON)
        assert process.poll() is None, f"{end} has ended the run"
        process.send_signal(signal.SIGTERM)


def end_run(data: Path, folder: Path, end: str, output: str, moment: float) -> Found:
    """Start a run, end it at a moment, and return what is on disk."""
    with disk(folder, end) as place:
        run = place / "run"
        process = started(run, data, output, end, folder)
        time.sleep(moment)
        assert process.poll() is None, process.communicate()
        known, before = last_line(run), last_checkpoint(run)
        strike(process, end, output, run)
        with contextlib.suppress(ValueError):  # its pipes are closed
            process.communicate(timeout=120)
        code = process.wait(timeout=120)
        return Found(before, known, last_checkpoint(run), code)


def first_line(data: Path, folder: Path) -> float:
    """The seconds that a run takes to the first line of its log."""
    run, start = folder / "first", time.monotonic()
    process = started(run, data, "a file", "", folder)
    while not last_line(run):
        time.sleep(0.01)
        assert process.poll() is None
    process.kill()
    process.wait()
    shutil.rmtree(run)
    return time.monotonic() - start


def make_mirror(folder: Path) -> Path:
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(10):
        pixels = draw.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
    mirror("images", (str(folder / "images"),), str(folder / "mirror"))
    return folder / "mirror"


def describe(found: list[Found]) -> str:
    """A cell of the table: how many kept all, of how many that had taken a step."""
    stepped = [one for one in found if one.known]
    codes = ", ".join(map(str, sorted({one.code for one in found})))
    return (
        f"{sum(one.kept() for one in found)} of {len(found)}, "
        f"{sum(one.whole() for one in stepped)} of {len(stepped)} ({codes})"
    )


def main(options: Options) -> None:
    draw = random.Random(options.seed)
    print(f"| | {' | '.join(OUTPUTS)} |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.redirect_stdout(sys.stderr):
            data = make_mirror(folder)
            first_line(data, folder)  # which compiles
            latest = 2 * first_line(data, folder)
        for end in ENDS:
            moments = [[draw.uniform(0, latest) for _ in range(options.moments)] for _ in OUTPUTS]
            with ThreadPoolExecutor(options.at_once) as pool:
                ended = [
                    [pool.submit(end_run, data, folder, end, output, moment) for moment in some]
                    for output, some in zip(OUTPUTS, moments, strict=True)
                ]
            cells = [describe([one.result() for one in some]) for some in ended]
            print(f"| {end} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, prog="python -m tests.endings"))
