"""What a figure needs beside it: the commit and the machine that it came from."""

import os
import subprocess
from pathlib import Path

import jax


def device() -> str:
    """What computes, as a person would call it."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() != "cpu":
        return kind
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f"{cores}-core {models[0] if models else kind}"


def commit() -> str:
    """The commit of the sources that run, `+` where files differ from it; "unknown" if they are
    not in a checkout of their own.
    """
    here = Path(__file__)
    try:
        _git(here.parent, "ls-files", "--error-unmatch", here.name)
        return _git(here.parent, "describe", "--always", "--exclude=*", "--dirty=+")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return said.stdout.strip()
