"""The log of a run: `metrics.jsonl`, one JSON object a line."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Array, Float

import hub


class NonFiniteError(RuntimeError):
    """The loss or its gradient is not finite."""


class Log:
    """Writes `metrics.jsonl`: metrics with their step and the seconds of training so far.

    A resumed run drops the lines after its checkpoint, and its clock continues from there.
    """

    def __init__(self, path: Path, step: int, seconds: float):
        self._path, self._start = path, time.monotonic() - seconds
        self._steps: list[Mapping[str, Float[Array, ""]]] = []
        self._first = step + 1
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if _step(line) <= step]
        with hub.atomic_file(path) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in kept))

    @property
    def seconds(self) -> float:
        """Seconds of training, earlier parts of a resumed run included."""
        return time.monotonic() - self._start

    def add(self, measured: Mapping[str, Float[Array, ""]]) -> None:
        """Add the metrics of one step, without waiting for the device."""
        self._steps.append(measured)

    def flush(self) -> dict[str, float]:
        """Write and return the means of the metrics since the last flush; `{}` if there are none.

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
        self._first += len(self._steps)
        self._steps = []
        means = {name: float(series.mean()) for name, series in values.items()}
        self.write(self._first - 1, means)
        return means

    def write(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append a line."""
        seconds = round(self.seconds, 2)
        record = {"step": step, "seconds": seconds, **metrics}
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def _step(line: str) -> float:
    """Return the step of a line, infinity for an incomplete one."""
    try:
        return float(json.loads(line)["step"])
    except ValueError:
        return float("inf")
