"""How pictures show what has no colour: labels, slots and variants by colours, frames by axes."""

from typing import Any

import numpy as np

from isa_eqx import Frame

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#b279a2", "#72b7b2", "#eeca3b",
           "#9d755d", "#ff9da6", "#bab0ac", "#6f4fd8")  # fmt: skip


def draw_axes(axis: Any, frame: Frame, size: tuple[int, int]) -> None:
    """Draw a frame on an image of this height and width as a cross, as long as its scale."""
    pixels = (np.array(size[::-1]) - 1) / 2
    centre = (frame.position[::-1] + 1) * pixels
    axis.autoscale(False)
    for length, direction in zip(frame.scale[::-1], frame.rotation.T, strict=True):
        ends = centre + np.outer([-1, 1], length * direction * pixels)
        axis.plot(*ends.T, color="white", linewidth=1.5)
