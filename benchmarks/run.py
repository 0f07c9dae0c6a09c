"""A whole run taken apart: `python -m benchmarks.run --dataset tetrominoes`, which takes what
`training.run` takes, such as `--steps 1000`.

Each moment of the program's main thread is in one part of the table, so that their sum is the time
that the program took. Its other threads work beside it.
"""

import datetime
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hub.common.terminal import resilient_output
from training.runs import commit_hash, device_name

from .stopwatch import Part

AROUND = "Python's start and end"
COLUMNS = ("", "seconds", "share", "computing", "tracing", "compiling", "times")
NAMED = 6  # programs
WATCHED = "from benchmarks.watched import main; main()"


def main(words: Sequence[str]) -> None:
    """Train in another process, and print where its time went. Ends as it ends."""
    with tempfile.TemporaryDirectory() as folder:
        is_named = any(word.partition("=")[0] == "--out" for word in words)
        out = [] if is_named else ["--out", str(Path(folder, "run"))]
        file, start = Path(folder, "parts.json"), time.perf_counter()
        program = [sys.executable, "-c", WATCHED, str(file), *words, *out]
        status = subprocess.run(program).returncode
        whole = time.perf_counter() - start
        used = resource.getrusage(resource.RUSAGE_CHILDREN)  # of the only one
        record = json.loads(file.read_text()) if file.exists() else None
    if record and "steps" in record["parts"]:  # else it was asked for help, or made no sense
        print(f"\nrun: {shlex.join(words)}")
        print(f"{device_name()}; commit {commit_hash()}, {datetime.date.today().isoformat()}")
        print(format_parts(record, whole, used.ru_utime + used.ru_stime))
    sys.exit(status)


def format_parts(record: Mapping[str, Any], whole: float, used: float) -> str:
    """Format the parts, what other threads did beside them, and what was compiled.

    - `record`: what `watched.summarise` returns.
    - `whole`: seconds that the program took, seen from outside.
    - `used`: seconds of all cores that it used, its threads together.
    """
    parts = {name: Part(**found) for name, found in record["parts"].items()}
    around = Part(whole - sum(part.seconds for part in parts.values()))
    total = sum(parts.values(), around)
    rows = [COLUMNS, *(_row(*named, whole) for named in parts.items())]
    rows += [_row(AROUND, around, whole), _row("the whole", total, whole)[:-1] + ("",)]
    rows += [("beside, in threads", *[""] * 6)]
    rows += [_row(name, Part(**found)) for name, found in record["beside"].items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join((first.ljust(widths[0]), *map(str.rjust, others, widths[1:]))).rstrip()
        for first, *others in rows
    ]
    return "\n".join([*lines, *_compiled(record["programs"]), f"used: {used:.2f} s of all cores"])


def _row(name: str, part: Part, whole: float | None = None) -> tuple[str, ...]:
    computing = part.seconds - part.tracing - part.compiling
    cells = (f"{seconds:.2f}" for seconds in (computing, part.tracing, part.compiling))
    share = "" if whole is None else f"{part.seconds / whole:.1%}"
    return name, f"{part.seconds:.2f}", share, *cells, f"{part.times:,}" if part.times else ""


def _compiled(programs: Mapping[str, Sequence[float]]) -> list[str]:
    """Return lines that name the programs which took longest to compile, and sum up the others."""
    longest = sorted(programs, key=lambda name: -sum(programs[name]))
    named, others = longest[:NAMED], [programs[name] for name in longest[NAMED:]]
    count, seconds = sum(map(len, others)), sum(map(sum, others))
    lines = [f"  {name}: {' + '.join(f'{s:.2f}' for s in programs[name])}" for name in named]
    return ["compiled, in seconds:", *lines, f"  {count} others: {seconds:.2f}"]


if __name__ == "__main__":
    with resilient_output():
        main(sys.argv[1:])
