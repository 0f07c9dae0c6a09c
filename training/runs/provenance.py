"""The origin of a figure: the commit and the device that it was measured with."""

import os
import subprocess
from pathlib import Path

import jax


def device_name() -> str:
    """Return the name of the device that computes."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() != "cpu":
        return kind
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f"{cores}-core {models[0] if models else kind}"


def commit_hash() -> str:
    """Return the commit of the sources, with `+` if files differ from it.

    It is "unknown" if the sources are in no repository of their own.
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
