"""Benchmarks, as ratios within one run; `RESULTS.md` has what they printed.

Stands on all but `hub` and `hub.common`. Each module with a `main` is a command.
"""
