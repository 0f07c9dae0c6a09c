"""Share a run: `python -m hub.push runs/tetrominoes-isa-t-seed0 user/name`."""

from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from . import config_file
from .common.errors import exit_with_message
from .common.terminal import resilient_output
from .pretrained import CONFIG, WEIGHTS, check_fingerprints
from .upload import CARD, upload

# Of what a run leaves, for others to see; nothing else in its folder is any of their business.
SHARED = CONFIG, WEIGHTS, CARD, "train.json", "metrics.jsonl", "samples.png", "curve.png"


def shared_files(run: Path) -> dict[str, Path]:
    """Return the paths of a run's files that are to be shared, by their names in the repo.

    Raises a `ValueError` if the folder has no model or no card, or if the model is damaged.
    """
    for file in (CONFIG, WEIGHTS, CARD):
        if not (run / file).is_file():
            raise ValueError(
                f"{run} holds no finished model: no {file} there; a run leaves it at its end, and "
                "save_pretrained at any time."
            )
    _, saved_as = config_file.read(run / CONFIG)
    check_fingerprints(saved_as, run / WEIGHTS)
    return {file: run / file for file in SHARED if (run / file).is_file()}


def push(run: Path, repo_id: str, **options: Any) -> str:
    """Push a run in one commit and return the commit's URL. Options and errors: see `upload`."""
    return upload(shared_files(run), repo_id, **options)


def main(
    run: Annotated[Positional[Path], tyro.conf.arg(metavar="RUN_FOLDER")],
    repo: Annotated[Positional[str], tyro.conf.arg(metavar="USER/NAME")],
    private: bool = False,
    revision: Annotated[str | None, tyro.conf.arg(metavar="BRANCH")] = None,
    message: str = "Upload model",
    create_pr: bool = False,
) -> None:
    """Push a trained model to the Hugging Face Hub, with its card, scores and pictures.

    All in one commit: it is there whole or not at all. Log in first: hf auth login, or HF_TOKEN.

    Args:
        run: The folder of a run, or one that save_pretrained wrote.
        repo: The repo, created if absent. Its card is replaced by that of the run.
        private: Create the repo as a private one; an existing public one is refused.
        revision: The branch, created if absent.
        message: The commit message.
        create_pr: Open a pull request instead.
    """
    with exit_with_message(ValueError, OSError):
        address = push(
            run,
            repo,
            private=private or None,
            revision=revision,
            commit_message=message,
            create_pr=create_pr,
        )
    print(address)
    if not create_pr:
        print(f'To load it: from_pretrained("{repo}{f"@{revision}" if revision else ""}")')


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m hub.push", config=(tyro.conf.FlagCreatePairsOff,))
