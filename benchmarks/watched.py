"""Runs `training.run` with its parts timed, and writes what each took as JSON.

`benchmarks.run` starts it, as a program of its own. It imports little before the clock runs.
"""

import collections
import dataclasses
import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .stopwatch import REST, Part, Stopwatch, Watch

IMPORTS = "imports"
NEEDED = ("training.run", "training.arguments", "hub.common.terminal", "jax.monitoring")
# The parts of a run, and where their functions are looked up. One may be inside of another, and
# the last ones are in other threads.
PARTS = {
    "options and folder": ("training.arguments:parse", "training.run:plan"),
    "first weights": ("training.run:first_states",),
    "waiting for scenes": ("training.run:begin",),
    "waiting for batches": ("training.run:stream_batches",),
    "steps": (
        "training.ensemble:Single.step",
        "training.ensemble:Ensemble.step",
        "training.loop:flush",
    ),
    "scores while training": ("training.loop:evaluate",),
    "final scores": ("training.runs.report:evaluate",),
    "samples.png": ("training.runs.pictures:draw_samples",),
    "curve.png": ("training.runs.pictures:draw_curve",),
    "checkpoints": (
        "training.runs.checkpoint:save",
        "training.runs.saving:Saver.save",
        "training.runs.saving:Saver.wait",
    ),
    "model and card": ("training.run:write_report",),
    "scenes to score": ("training.run:load_validation",),
    "drawing scenes": ("training.data.drawing:draw_scenes",),
}


def main() -> None:
    """Train with the words of this program's command line, after the file that is written."""
    file, *sys.argv[1:] = sys.argv[1:]  # as the run reads them, too
    watch(sys.argv[1:], lambda record: Path(file).write_text(json.dumps(record)))


def watch(words: Sequence[str], write: Callable[[dict[str, Any]], Any]) -> None:
    """Train as `python -m training.run` with these words, and write what `summarise` returns.

    Also if the program ends on the way.
    """
    stopwatch, beside, programs = Stopwatch(), [], []
    watch = Watch(stopwatch, beside, programs)
    try:
        with stopwatch.part(IMPORTS):
            run, arguments, terminal, monitoring = map(importlib.import_module, NEEDED)
        monitoring.register_event_time_span_listener(watch.listen)
        with watch.watching(PARTS), terminal.resilient_output():
            run.main(arguments.parse(words))
    finally:
        stopwatch.settle()
        write(summarise(stopwatch, beside, programs))


def summarise(
    main: Stopwatch, beside: Sequence[Stopwatch], programs: Sequence[tuple[str, float]]
) -> dict[str, Any]:
    """Return as JSON types the parts of the main thread, those of all other threads together, and
    for the name of each compiled program the seconds of each time that it was compiled.
    """
    names, others, compiled = (IMPORTS, *PARTS, REST), {}, collections.defaultdict(list)
    for stopwatch in beside:
        for name, part in stopwatch.parts.items():
            others[name] = others.get(name, Part()) + part
    for name, seconds in programs:
        compiled[name].append(seconds)
    return {
        "parts": {
            name: dataclasses.asdict(main.parts[name]) for name in names if name in main.parts
        },
        "beside": {name: dataclasses.asdict(others[name]) for name in names[:-1] if name in others},
        "programs": compiled,
    }
