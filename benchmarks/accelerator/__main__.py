"""A GPU's figures in one command: `python -m benchmarks.accelerator --out FOLDER`."""

import dataclasses
import datetime
from pathlib import Path
from typing import Annotated

import jax
import tyro

from hub.common.errors import exit_with_message, writing_to
from hub.common.files import is_empty
from hub.common.terminal import resilient_output
from training.runs import commit_hash, device_name

from . import programs, runs
from .table import Budget, Table, fill


@dataclasses.dataclass(frozen=True)
class Options:
    """Measure a GPU or TPU, the most telling figures first."""

    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """New folder for table.md and table.json, which are written anew with every figure, and for the
    run that is measured."""
    minutes: float = 8.0
    """What is not begun by then is not run, and said to be."""
    trial: bool = False
    """Take few and small models, to try the command on a CPU; the figures say nothing."""


def main(options: Options) -> None:
    """Measure one section after another, and print every row."""
    budget = Budget(options.minutes)
    with exit_with_message(ValueError, OSError):
        check(options)
        head = dict(
            device=device_name(),
            jax=f"JAX {jax.__version__}",
            commit=f"commit {commit_hash()}",
            date=datetime.date.today().isoformat(),
        )
        if options.trial:
            head["trial"] = "a trial with small models, whose figures say nothing"
            jax.config.update("jax_disable_most_optimizations", True)  # quicker to compile
        sections = [
            programs.products(),
            programs.steps(options.trial),
            programs.memory(options.trial),
            programs.attention(options.trial),
            runs.drawing(options.trial),
            programs.inference(options.trial),
            runs.seeds(options.trial),
            runs.run(options.out, budget, options.trial),
        ]
        with writing_to(options.out, "--out"):
            table = Table(options.out, head, sections)
        print(", ".join(head.values()), flush=True)
        fill(table, sections, budget)
    print(f"In {options.out}: table.md and table.json")


def check(options: Options) -> None:
    """Raise a `ValueError` if there is nothing to measure, no time to do it, or no place for it."""
    if jax.default_backend() == "cpu" and not options.trial:
        raise ValueError(
            "JAX has no GPU or TPU here: install isa-eqx[cuda13] on a machine with one, or try the "
            "command on this CPU with --trial."
        )
    if not options.minutes > 0:
        raise ValueError(f"--minutes must be above 0, got {options.minutes}.")
    if options.out.exists() and not (options.out.is_dir() and is_empty(options.out)):
        raise ValueError(f"{options.out} is not an empty folder; name another with --out.")


if __name__ == "__main__":
    with resilient_output():
        main(
            tyro.cli(
                Options,
                prog="python -m benchmarks.accelerator",
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        )
