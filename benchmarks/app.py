"""A slider's move in the app, from the number to the picture: `python -m benchmarks.app`."""

import statistics
import time

import jax
import tyro

from demo.app.panels import rendered_size, scene_panel
from demo.app.studio import Studio
from hub.common.terminal import resilient_output
from training.runs import commit_hash, device_name

NOT_TIMED = 3  # moves, of which the first compile


def main(model: str = "models/tetrominoes-isa-ts", moves: int = 57) -> None:
    """Time moves of a slider in Python: the edit, rendering, and the picture of the panel.

    Args:
        model: A folder, or a repo of the Hugging Face Hub.
        moves: How many are timed.
    """
    studio = Studio.of([model], None)
    desk = studio.start()
    editor, seconds = desk.editor.select(desk.editor.scene.objects[0]), []
    for place in range(NOT_TIMED + moves):
        began = time.perf_counter()
        editor = editor.change("x", -0.5 + place / (NOT_TIMED + moves))
        scene_panel(studio.models[desk.model], editor)
        seconds.append(1000 * (time.perf_counter() - began))
    (height, width), timed = rendered_size(studio.models[desk.model]), seconds[NOT_TIMED:]
    print(f"{model}, rendered at {height}×{width}: median of {moves} moves "
          f"{statistics.median(timed):.0f} ms, slowest {max(timed):.0f} ms")  # fmt: skip
    print(f"commit {commit_hash()}, {device_name()}, JAX {jax.__version__}")


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m benchmarks.app")
