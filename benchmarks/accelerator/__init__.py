"""A GPU's figures in one command: `python -m benchmarks.accelerator --out FOLDER`.

What is measured is in `programs.py`, by `timing.py`, and in `runs.py`, of the recipes of
`recipes.py`. The table that it goes to, and the time that it may take, are in `table.py`.
"""
