"""Training: the commands, and what they are made of.

Directly here are `training.run`, `training.evaluate`, `training.probe`, `training.sweep`, the loop
and its step; beside them, rooms with a door each: `data`, `presets`, `objective`, `evaluation`,
`runs` and `distributed`. docs/architecture.md follows an image and a run through them.
"""

from isa_eqx.neighbours import check_neighbours

check_neighbours("hub", "isa_eqx")
