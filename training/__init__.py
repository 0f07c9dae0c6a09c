"""Training: recipes, loss, step and loop, and what a run leaves.

Stands on `hub`, `isa_eqx` and `training.data`. The commands are `training.run`,
`training.sweep` and `training.presets`; import from the modules.
"""
