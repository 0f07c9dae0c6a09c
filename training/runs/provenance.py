"""The origin of a figure: the commit and the device that it was measured with."""

import subprocess
from pathlib import Path

import jax
from jax.sharding import Mesh

from ..distributed import count_cores


def device_name() -> str:
    """Return the name of the device that computes."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() != "cpu":
        return kind
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{count_cores()}-core {models[0] if models else kind}"


def device_names(mesh: Mesh) -> str:
    """Return what a run is on, such as `2-core Intel Xeon, 2 of 2 cores`, and how many hosts."""
    what = "cores" if jax.default_backend() == "cpu" else "devices"
    hosts = len({device.process_index for device in mesh.devices.flat})
    where = f" of {hosts} hosts" if hosts > 1 else ""
    return f"{device_name()}, {mesh.size} of {len(jax.devices())} {what}{where}"


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
