"""Colours that tell labels, slots and variants apart in pictures."""

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#b279a2", "#72b7b2", "#eeca3b",
           "#9d755d", "#ff9da6", "#bab0ac", "#6f4fd8")  # fmt: skip
