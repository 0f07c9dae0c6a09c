"""What a Hub holds: repos of commits of files. In memory, without a word about HTTP."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

LARGE = (".safetensors", ".png", ".parquet")  # what the Hub keeps as large files, whatever the size


@dataclasses.dataclass(frozen=True)
class File:
    """The contents of a file, and what the Hub calls them."""

    data: bytes
    is_large: bool

    @property
    def oid(self) -> str:
        """What git calls it, or SHA-256 for a large file; also its ETag."""
        if self.is_large:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


@dataclasses.dataclass(frozen=True)
class Commit:
    """A state of a repo."""

    files: Mapping[str, File]
    title: str
    parent: str | None

    @property
    def oid(self) -> str:
        """Of everything in it."""
        files = {name: file.oid for name, file in self.files.items()}
        return hashlib.sha1(json.dumps([files, self.title, self.parent]).encode()).hexdigest()


class Repository:
    """Commits, and names for some of them."""

    def __init__(self, owner: str, private: bool):
        self.owner, self.private = owner, private
        first = Commit({}, "initial commit", None)
        self.commits = {first.oid: first}
        self.refs = {"main": first.oid}

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, a tag or a commit is."""
        return self.refs.get(revision, revision if revision in self.commits else None)

    def commit(self, base: str, branch: str, changes: Mapping[str, File | None], title: str) -> str:
        """Put files in, or take those that are `None` out, on top of a base, and name the result.

        A commit is one assignment: whoever is killed before it has changed nothing.
        """
        files = {**self.commits[base].files, **changes}
        kept = {name: file for name, file in files.items() if file is not None}
        new = Commit(kept, title, base)
        self.commits[new.oid] = new
        self.refs[branch] = new.oid
        return new.oid

    def history(self, revision: str = "main") -> list[str]:
        """The titles of a revision's commits, newest first."""
        titles, oid = [], self.resolve(revision)
        while oid is not None:
            titles.append(self.commits[oid].title)
            oid = self.commits[oid].parent
        return titles
