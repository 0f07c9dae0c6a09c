"""Where a mirror goes: a folder, or a dataset repo of the Hub, a commit for each shard."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..common.files import lock_folder
from ..remote import locate, validate_repo_id
from ..upload import create_repo, upload
from .shards import MANIFEST, MAX_MANIFEST_BYTES, Manifest
from .sources import Release, find_release


@dataclasses.dataclass(frozen=True)
class FolderTarget:
    """A mirror in a folder: files stay where they are written."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def claim(self) -> None:
        """Raise a `ValueError` if the folder holds something else.

        Hidden files are ignored: a desktop leaves some, and so does a killed command.
        """
        if "::" in os.path.abspath(self.path):
            raise ValueError(f"{self.path} could not be read: '::' joins two addresses; rename it.")
        if self.path.exists() and (
            not self.path.is_dir()
            or any(not path.name.startswith(".") for path in self.path.iterdir())
        ):
            raise ValueError(f"{self.path} is not empty and holds no mirror; name another --to.")

    def manifest(self) -> Manifest | None:
        """Return the manifest in the folder, `None` if there is none."""
        file = self.path / MANIFEST
        return Manifest.read(file, self.name) if file.is_file() else None

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield the folder, locked. Raises a `ValueError` if it is locked or cannot be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"cannot write to {self.path} ({error.strerror}); name another --to."
            ) from error
        with lock_folder(self.path):
            yield self.path

    def put(self, folder: Path, files: Sequence[str], message: str) -> None:
        """Do nothing: the files are in their place."""


@dataclasses.dataclass(frozen=True)
class RepoTarget:
    """A mirror in a dataset repo: files are pushed, a commit for each shard, and then deleted."""

    repo_id: str
    private: bool

    @property
    def name(self) -> str:
        return self.repo_id

    def claim(self) -> None:
        """Create the repo if it is absent. Errors: see `create_repo`."""
        create_repo(self.repo_id, private=self.private or None, repo_type="dataset")

    def manifest(self) -> Manifest | None:
        """Return the manifest in the repo, `None` if there is none."""
        from huggingface_hub import HfApi

        self.claim()
        if not HfApi().file_exists(self.repo_id, MANIFEST, repo_type="dataset"):
            return None
        file = locate(self.repo_id, repo_type="dataset").fetch(MANIFEST, MAX_MANIFEST_BYTES)
        return Manifest.read(file, self.name)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Yield a temporary folder."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def put(self, folder: Path, files: Sequence[str], message: str) -> None:
        """Push the files in one commit, and delete them here."""
        upload(
            {name: folder / name for name in files},
            self.repo_id,
            private=self.private or None,
            commit_message=message,
            repo_type="dataset",
        )
        for name in files:
            (folder / name).unlink()


Target = FolderTarget | RepoTarget


def choose_target(name: str, dataset: str, private: bool, release: Release | None = None) -> Target:
    """Return a folder if `name` is an existing one or cannot be a repo's name, else a repo.

    - `release`: what is mirrored, by default the publishers' release of the dataset.

    Raises a `ValueError` if the licence forbids a public repo and `private` is not set.
    """
    if os.path.isfile(name):
        raise ValueError(f"{name} is a file; name a folder, or a repo of the Hub, with --to.")
    is_repo = (
        name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")
    )
    if os.path.isdir(name) or not is_repo:
        if private:
            raise ValueError(f"--private is for a repo of the Hub; {name} is a folder.")
        return FolderTarget(Path(name))
    what = release or find_release(dataset)
    if not what.may_be_public and not private:
        raise ValueError(
            f"{what.title} may not be pushed to a public repo. {what.terms} Add --private, or name "
            "a folder."
        )
    return RepoTarget(validate_repo_id(name), private)
