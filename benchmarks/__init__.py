"""Benchmarks, as ratios within one run; `RESULTS.md` has what they printed.

Stands on all but `hub` itself, `demo` and `training.options`. Each module with a `main` is a
command, and so is the package `accelerator`, which has a GPU's figures in one table.
"""
