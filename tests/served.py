"""The app in a process of its own, on a loopback port."""

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parents[1] / "models" / "tetrominoes-isa-ts"
PATIENCE = 300  # seconds, to compile in on a busy machine


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def served(command: list[str], folder: Path, **environment: str) -> Iterator[str]:
    """While the block runs, the command serves at the address that this yields.

    - `folder`: to run in.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}/", folder / "log.txt"
    places = dict(GRADIO_SERVER_PORT=str(port), GRADIO_TEMP_DIR=str(folder / "cache"))
    with log.open("w") as output:
        options: dict[str, Any] = dict(cwd=folder, env=os.environ | places | environment)
        process = subprocess.Popen(command, stdout=output, stderr=output, **options)
    try:
        _wait(process, url, log)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    for _ in range(2 * PATIENCE):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            read(url)
            return
        time.sleep(0.5)
    raise AssertionError(f"nothing at {url}: {log.read_text()}")
