"""Worlds: procedural scenes that stand in for the six datasets, drawn or ray cast in JAX.

Stands on `isa_eqx`. Every module named after a dataset has its worlds; import from the modules.
"""
