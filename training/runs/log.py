"""The log of a run: `metrics.jsonl`, one JSON object a line."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import SupportsFloat

import jax
import numpy as np

import hub
from hub.common.errors import reason
from hub.common.terminal import say

from ..distributed import is_main
from .trackers import Tracker


class NonFiniteError(RuntimeError):
    """The loss or its gradient is not finite."""


class Log:
    """Writes `metrics.jsonl`: metrics with their step and the seconds of training so far.

    A resumed run drops the lines after its checkpoint, and its clock continues from there. Lines
    that cannot be written, as on a full disk, are kept to be written with the next ones. On several
    hosts, only host 0 writes.

    - `trackers`: other places that the same metrics go to.
    """

    def __init__(self, path: Path, step: int, seconds: float, trackers: Sequence[Tracker] = ()):
        self._path, self._start = path, time.monotonic() - seconds
        self._trackers = trackers
        self._steps: list[Mapping[str, SupportsFloat]] = []
        self._first, self._unwritten = step + 1, b""
        self._since, self._waited = time.monotonic(), 0.0
        if is_main():
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            kept = [line for line in lines if _step(line) <= step]
            with hub.atomic_file(path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in kept))

    @property
    def seconds(self) -> float:
        """Seconds of training, earlier parts of a resumed run included."""
        return time.monotonic() - self._start

    def add(self, measured: Mapping[str, SupportsFloat], waited: float = 0.0) -> None:
        """Add the metrics of one step, without waiting for the device.

        - `waited`: seconds that the step waited for its batch.
        """
        self._steps.append(measured)
        self._waited += waited

    def flush(self) -> dict[str, float]:
        """Write and return the means of the metrics since the last flush; `{}` if there are none.

        Written are also `steps_per_second`, `data_wait`, the share of that time that steps waited
        for their batches, and `peak_memory`, in bytes, of a device that counts it.

        Raises a `NonFiniteError` that names the first step with a value that is not finite.
        """
        if not self._steps:
            return {}
        values = {n: np.array([float(step[n]) for step in self._steps]) for n in self._steps[0]}
        for name, series in values.items():
            if not np.isfinite(series).all():
                step = self._first + int(np.argmin(np.isfinite(series)))
                raise NonFiniteError(
                    f"{name} is {series[step - self._first]} at step {step}: training has "
                    f"diverged and stopped; the checkpoints in {self._path.parent} are from before."
                )
        seconds = max(time.monotonic() - self._since, 1e-9)
        means = {name: float(series.mean()) for name, series in values.items()}
        speed = {
            "steps_per_second": len(self._steps) / seconds,
            "data_wait": self._waited / seconds,
        }
        self._first += len(self._steps)
        self._steps = []
        self.write(self._first - 1, means | speed | _peak_memory())
        return means

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append a line, if the disk takes it."""
        if is_main():
            seconds = round(self.seconds, 2)
            record = {"step": step, "seconds": seconds, **metrics}
            had_all, line = not self._unwritten, json.dumps(record) + "\n"
            self._unwritten += line.encode()
            try:
                self.settle()
            except OSError as error:
                if had_all:
                    said = f"{self._path} cannot be written ({reason(error)}); its lines wait."
                    say(f"warning: {said}")
            for tracker in self._trackers:
                tracker.log(step, metrics)
        # What is between an evaluation and the next step is not the time of steps.
        self._since, self._waited = time.monotonic(), 0.0

    def settle(self) -> None:
        """Write the lines that wait, all of them or none. Raises an `OSError` if it cannot."""
        if not self._unwritten:
            return
        with self._path.open("ab", buffering=0) as file:
            end, rest = file.tell(), self._unwritten
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(end)
                raise
        self._unwritten = b""


def _peak_memory() -> dict[str, float]:
    """Return the largest memory that a device of this host has used, if it counts it."""
    found = [device.memory_stats() or {} for device in jax.local_devices()]
    peaks = [stats["peak_bytes_in_use"] for stats in found if "peak_bytes_in_use" in stats]
    return {"peak_memory": float(max(peaks))} if peaks else {}


def _step(line: str) -> float:
    """Return the step of a line, infinity for an incomplete one."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")
