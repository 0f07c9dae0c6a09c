"""Where a mirror goes: a folder, or a dataset repo of the Hub, a commit for each shard."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..common.files import locked_folder
from ..remote import checked_repo, source
from ..upload import create_repo, upload
from .shards import MANIFEST, Manifest
from .sources import release

_MOST = 1 << 26  # bytes of a manifest: of hundreds of thousands of shards


@dataclasses.dataclass(frozen=True)
class FolderTarget:
    """Files stay where they are written."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def claim(self) -> None:
        """A `ValueError` if the folder holds something else, but for hidden files: those of a
        desktop, or of a run that was killed.
        """
        if "::" in os.path.abspath(self.path):
            raise ValueError(f"{self.path} could not be read: '::' joins two addresses; rename it.")
        if self.path.exists() and (
            not self.path.is_dir()
            or any(not path.name.startswith(".") for path in self.path.iterdir())
        ):
            raise ValueError(f"{self.path} is not empty and holds no mirror; name another --to.")

    def manifest(self) -> Manifest | None:
        """That of an earlier run, if there was one."""
        file = self.path / MANIFEST
        return Manifest.read(file, self.name) if file.is_file() else None

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Where to write; a `ValueError` if that cannot be, or another run does."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"cannot write to {self.path} ({error.strerror}); name another --to."
            ) from error
        with locked_folder(self.path):
            yield self.path

    def put(self, folder: Path, files: Sequence[str], message: str) -> None:
        """Nothing is left to do."""


@dataclasses.dataclass(frozen=True)
class RepoTarget:
    """Files are pushed, those of a shard in one commit, and deleted here."""

    repo_id: str
    private: bool

    @property
    def name(self) -> str:
        return self.repo_id

    def claim(self) -> None:
        """Make the repo; errors as of `create_repo`."""
        create_repo(self.repo_id, private=self.private or None, repo_type="dataset")

    def manifest(self) -> Manifest | None:
        """That of an earlier run, if there was one."""
        from huggingface_hub import HfApi

        self.claim()
        if not HfApi().file_exists(self.repo_id, MANIFEST, repo_type="dataset"):
            return None
        file = source(self.repo_id, repo_type="dataset").fetch(MANIFEST, _MOST)
        return Manifest.read(file, self.name)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """Where to write."""
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    def put(self, folder: Path, files: Sequence[str], message: str) -> None:
        """Push the files."""
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


def choose_target(name: str, dataset: str, private: bool) -> Target:
    """A folder that is there, or can be no repo's name; else the repo.

    Raises a `ValueError` if the dataset may not be shared and the repo would be public.
    """
    is_repo = (
        name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/")
    )
    if os.path.isdir(name) or not is_repo:
        if private:
            raise ValueError(f"--private is for a repo of the Hub; {name} is a folder.")
        return FolderTarget(Path(name))
    what = release(dataset)
    if not what.may_be_public and not private:
        raise ValueError(
            f"{what.title} may not be pushed to a public repo. {what.terms} Add --private, or name "
            "a folder."
        )
    return RepoTarget(checked_repo(name), private)
