"""What a run leaves: model, scores, pictures and card, in its folder and on the Hub."""

import shlex
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

import hub
from hub.common.errors import reason
from hub.push import push
from isa_eqx import ISA

from ..data import Scenes
from ..distributed import is_main
from ..evaluation import METRICS, evaluate, warning
from . import pictures
from .card import run_card, title
from .provenance import device_names
from .run import Run


def write_report(
    run: Run, model: ISA, validation: Scenes, mesh: Mesh, seconds: float, seeds: int
) -> None:
    """Score the model on all validation scenes, and write what a run leaves.

    - `mesh`: the devices that score.
    - `seconds`: that training took.
    - `seeds`: models that were trained in them.
    """
    config, folder, log = run.config, run.folder, run.log
    scores, use = evaluate(model, validation, config.dataset, mesh)
    if not is_main():
        return
    count = len(validation)
    # As it may be on the devices of several hosts.
    model = jax.tree.map(lambda x: jnp.asarray(np.asarray(x)) if eqx.is_array(x) else x, model)
    model.save_pretrained(folder)
    final = {f"final_{name}": value for name, value in (scores | use).items()}
    log.write(config.steps, final | {"images": count})
    log.settle()  # what follows reads it
    minutes = f"{config.steps} steps in {seconds / 60:.1f} min on {device_names(mesh)}"
    print(f"\n{title(config)}, {minutes}; {count} validation images")
    for name, label in METRICS.items():
        if name in scores:  # images without label maps have one alone
            print(f"  {label:7} {scores[name]:.4f}")
    if found := warning(use):
        print(found)
    try:
        pictures.draw_samples(model, validation, folder / "samples.png", title(config))
        pictures.draw_curve(folder / "metrics.jsonl", folder / "curve.png", title(config))
    except ModuleNotFoundError as missing:
        print(f"No pictures: {missing.name} is not installed.")
    except Exception as error:  # of a library of plots, or of a disk; the model is there
        print(f"No pictures: they could not be drawn ({reason(error)}).")
    with hub.atomic_file(folder / "README.md") as temporary:
        # What a folder is called may be no UTF-8; Python reads it all the same.
        card = run_card(folder, config, mesh, run.resumed, seeds)
        temporary.write_text(card, "utf-8", "backslashreplace")
    print(f"In {folder}: {', '.join(sorted(file.name for file in folder.iterdir()))}")


def share(run: Path, repo_id: str) -> None:
    """Push the run, or print the command that does it later."""
    try:
        print(f"Pushed: {push(run, repo_id)}")
    except (ValueError, OSError) as error:
        later = shlex.join(["python", "-m", "hub.push", str(run), repo_id])
        sys.exit(f"error: {error}\nThe run is whole in {run}; to push it later:\n  {later}")
