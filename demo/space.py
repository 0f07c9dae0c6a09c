"""An app of a model for others: `python -m demo.space --model M --to FOLDER|USER/NAME`."""

import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import tyro

import hub
from hub.card import with_loading_line
from hub.common.errors import exit_with_message, writing_to
from hub.common.terminal import resilient_output
from hub.push import shared_files
from hub.remote import validate_repo_id
from hub.upload import CARD, upload

from .examples import trained_on
from .segment import check_empty
from .space_card import space_card

MODEL = "model"  # the folder of a Space that holds its model
APP = """\
\"\"\"What the slots of a model see, and their scene with objects moved.\"\"\"

from demo.app import main

if __name__ == "__main__":
    main({words})
"""


@dataclasses.dataclass(frozen=True)
class Space:
    """Write the app of a model as a Space of the Hugging Face Hub, or push it as one.

    All in one commit: it is there whole or not at all. To push, log in first: hf auth login, or
    HF_TOKEN.

    Attributes:
        model: A folder, whose model becomes part of the Space; or a repo of the Hub, which the
            Space then loads.
        to: A new or empty folder; or user/name, a Space that is created if absent. A new folder
            that could be user/name is written ./a/b.
        dataset: The scenes to choose from, drawn by this library. Default: what the model was
            trained on.
        library: What pip installs this library by, there.
        private: Create the Space as a private one; an existing public one is refused.
    """

    model: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")]
    to: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")]
    dataset: str | None = None
    library: str = f"{hub.LIBRARY}[demo]"
    private: bool = False


def main(words: Sequence[str] | None = None) -> None:
    """Write or push the Space, and print where it is."""
    options = tyro.cli(Space, args=words, prog="python -m demo.space")
    with exit_with_message(ValueError, OSError):
        print(publish(options))


def publish(options: Space) -> str:
    """Write or push the Space, and return where it is.

    Raises a `ValueError` if the folder is not empty, if there is no such model, or if no dataset is
    known; errors of pushing: see `hub.upload.upload`.
    """
    if not is_name(options.to):
        if options.private:
            raise ValueError(f"--private is for a repo of the Hub; {options.to} is a folder.")
        check_empty(Path(options.to), "--to")
        with writing_to(Path(options.to), "--to"), hub.atomic_folder(Path(options.to)) as folder:
            write(folder, options)
        return f"In {options.to}: to try it, run python app.py there."
    with tempfile.TemporaryDirectory() as folder:
        return upload(
            write(Path(folder), options), options.to, private=options.private or None,
            commit_message="Upload app", repo_type="space",
        )  # fmt: skip


def is_name(to: str) -> bool:
    """Return whether this is the name of a repo, and nothing is here that is called so."""
    try:
        return not os.path.exists(to) and bool(validate_repo_id(to))
    except ValueError:
        return False


def write(folder: Path, options: Space) -> Mapping[str, Path]:
    """Write the files of the Space into a folder, and return their paths by their names."""
    model, is_folder = options.model, os.path.isdir(options.model)
    words = ["--model", MODEL if is_folder else validate_repo_id(model)]
    if options.dataset is not None:
        words += ["--dataset", options.dataset]
    dataset = options.dataset or trained_on(model)[0]
    texts = {
        "app.py": APP.format(words=json.dumps(words)),
        "requirements.txt": f"{options.library}\njax\n",
        CARD: space_card(dataset, None if is_folder else model),
    }
    if is_folder:
        (folder / MODEL).mkdir()
        for name, file in shared_files(Path(model)).items():
            shutil.copyfile(file, folder / MODEL / name)
        card = (folder / MODEL / CARD).read_text("utf-8")
        texts[f"{MODEL}/{CARD}"] = with_loading_line(card, MODEL)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    found = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {file.relative_to(folder).as_posix(): file for file in found}


if __name__ == "__main__":
    with resilient_output():
        main()
