"""Share a run: `python -m hub.push runs/tetrominoes-isa-t-seed0 user/name`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from . import config_file, tree
from .card import addressed
from .pretrained import CONFIG, WEIGHTS
from .upload import CARD, upload

# What a run leaves at the top of its folder; nothing else there is any of the Hub's business.
SHARED = CONFIG, WEIGHTS, CARD, "train.json", "metrics.jsonl", "[!.]*.png"


def shared_files(run: Path, repo_id: str) -> dict[str, Path | bytes]:
    """What to share of a folder, by its name there, with a card that names the repo.

    Raises a `ValueError` if there is no model in the folder, no card, or a damaged one.
    """
    for file in (CONFIG, WEIGHTS, CARD):
        if not (run / file).is_file():
            raise ValueError(
                f"{run} holds no finished model: no {file} there; a run leaves it at its end, and "
                "save_pretrained at any time."
            )
    config_file.read(run / CONFIG)
    tree.header(run / WEIGHTS)
    files: dict[str, Path | bytes] = {
        file.name: file for pattern in SHARED for file in sorted(run.glob(pattern))
    }
    files[CARD] = addressed((run / CARD).read_text("utf-8"), repo_id).encode()
    return files


def push(run: Path, repo_id: str, **options: Any) -> str:
    """Push a folder in one commit, and return its address; options and errors as of `upload`."""
    return upload(shared_files(run, repo_id), repo_id, **options)


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
        repo: The repo, made if absent. A card that it has is replaced by the run's.
        private: Make a new repo private.
        revision: The branch, made if absent.
        message: Of the commit.
        create_pr: Propose the commit as a pull request.
    """
    try:
        address = push(
            run,
            repo,
            private=private or None,
            revision=revision,
            commit_message=message,
            create_pr=create_pr,
        )
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f'{address}\nISA.from_pretrained("{repo}")')


if __name__ == "__main__":
    tyro.cli(main, prog="python -m hub.push", config=(tyro.conf.FlagCreatePairsOff,))
