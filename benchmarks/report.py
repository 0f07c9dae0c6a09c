"""Prints a measurement: a table for people, or a line of JSON for programs."""

import datetime
import json
import sys
from collections.abc import Mapping
from typing import Any

from training.config import TrainConfig
from training.runs import commit_hash, device_name

from .measure import Cost, peak

COLUMNS = (
    "",
    "time",
    "fastest … slowest",
    "of fast",
    "images/s",
    "memory",
    "GFLOP",
    "of peak",
    "compile",
)


def report(
    name: str,
    config: TrainConfig,
    programs: Mapping[str, Cost],
    differences: Mapping[str, float],
    as_json: bool,
) -> None:
    """Print the costs of programs by name. With `as_json`, standard output has only the JSON."""
    fastest = peak(config.model.dtype)
    record = dict(
        benchmark=name,
        dataset=config.dataset,
        variant=config.model.variant,
        preset=config.preset,
        dtype=config.model.dtype,
        batch_size=config.batch_size,
        recompute=config.recompute,
        device=device_name(),
        commit=commit_hash(),
        date=datetime.date.today().isoformat(),
        peak_gigaflops=fastest,
        programs={n: cost.to_dict(config.batch_size, fastest) for n, cost in programs.items()},
        **ratios(programs),
        **differences,
    )
    print(format_report(record), file=sys.stderr if as_json else sys.stdout)
    if as_json:
        print(json.dumps(record))


def ratios(programs: Mapping[str, Cost]) -> dict[str, float | None]:
    """Return the speed of the fast form over the direct one, and its share of the memory."""
    if "direct" not in programs:
        return dict(speedup=None, memory_ratio=None)
    fast, direct = programs["fast"], programs["direct"]
    return dict(
        speedup=direct.median / fast.median if fast.median and direct.median else None,
        memory_ratio=fast.temporary_bytes / direct.temporary_bytes,
    )


def format_report(record: Mapping[str, Any]) -> str:
    """Format a title, a row for each program, and their ratios."""
    what = "{benchmark}: {dataset}, {variant}, {preset}, {dtype}, batch of {batch_size}"
    where = "{device}, matrix products at {peak_gigaflops:,.0f} GFLOP/s; commit {commit}, {date}"
    if record["recompute"] and "decoder" in record["programs"]:
        what += ", recomputing"
    rows = [COLUMNS, *(_row(name, record["programs"]) for name in record["programs"])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [what.format(**record), where.format(**record)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join((first.ljust(widths[0]), *cells)))
    return "\n".join(lines + _comparison(record))


def _row(name: str, programs: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    cost = programs[name]
    *timed, share = ("not run", "", "", "", "")
    if "seconds" in cost:
        *timed, share = (
            _time(cost["seconds"]),
            f"{_time(cost['fastest'])} … {_time(cost['slowest'])}",
            f"{cost['seconds'] / programs['fast']['seconds']:.0%}",
            f"{cost['images_per_second']:,.1f}",
            f"{cost['share_of_peak']:.0%}",
        )
    memory, work = f"{cost['temporary_bytes'] / 1e6:,.0f} MB", f"{cost['gigaflops']:,.1f}"
    return (name, *timed, memory, work, share, f"{cost['compile_seconds']:.1f} s")


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


def _comparison(record: Mapping[str, Any]) -> list[str]:
    lines = []
    if record["memory_ratio"] is not None:
        speedup = "" if record["speedup"] is None else f"{record['speedup']:.2f}× as fast, "
        lines.append(f"fast: {speedup}{record['memory_ratio']:.2f}× the memory of direct")
    if "largest_difference" in record:
        lines.append(
            "largest relative difference on two images: {largest_difference:.0e} in float64; in "
            "{dtype} {difference_of_values:.0e} of values and {difference_of_gradients:.0e} of "
            "gradients".format(**record)
        )
    return lines
