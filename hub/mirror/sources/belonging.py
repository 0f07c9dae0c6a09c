"""Which label map belongs to which image, by the names of their files and folders."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import PurePath

from .names import CLASSES, INSTANCES, Kind, read_folder, read_stem, words

Key = tuple[str, tuple[str, ...], str]  # split, folders and scene of a file
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".avifs", ".mpo")


@dataclasses.dataclass(frozen=True)
class File:
    """A file as its name reads: `folders` are those that say neither split nor kind."""

    path: PurePath
    split: str
    folders: tuple[str, ...]
    scene: str
    kind: Kind
    in_folder: bool  # of that kind

    @property
    def key(self) -> Key:
        """What image and label map have in common."""
        return self.split, self.folders, self.scene.casefold()

    @property
    def rank(self) -> tuple[int, bool]:
        """Of several label maps of an image, that with the lowest is taken."""
        said = {word for part in self.path.parts for word in words(part)}
        by_object = 0 if said & INSTANCES else 2 if said & CLASSES else 1
        return by_object, self.path.suffix.lower() in LOSSY


def read_name(path: PurePath) -> File:
    """Return a file as the names of its folders and its own read."""
    folders = [read_folder(name) for name in path.parts[:-1]]
    split = next((split for split, _ in folders if split), "")
    said = next((kind for _, kind in reversed(folders) if kind), None)
    scene, beside = read_stem(path.stem)
    in_folder = said in ("labels", "other")
    kind = said if in_folder else beside
    plain = tuple(
        name.casefold()
        for name, (its_split, its_kind) in zip(path.parts, folders, strict=False)
        if not its_split and not its_kind
    )
    return File(path, split, plain, scene, kind or "image", in_folder)


def belonging(images: Sequence[File], labels: Sequence[File]) -> dict[File, File]:
    """Return the label map of each image that has one."""
    by_key: dict[Key, list[File]] = collections.defaultdict(list)
    by_name: dict[str, list[File]] = collections.defaultdict(list)
    for image in images:
        by_key[image.key].append(image)
        by_name[image.scene.casefold()].append(image)
    found: dict[File, list[File]] = collections.defaultdict(list)
    for file in labels:
        near = by_key.get(file.key, [])
        # On a disk that tells them apart, `a.png` and `A.png` are two scenes.
        near = [image for image in near if image.scene == file.scene] or near
        if not near:
            below = [f for f in by_name.get(file.scene.casefold(), ()) if _is_below(f, file)]
            near = below if len(below) == 1 else []
        for image in near:
            found[image].append(file)
    return {image: min(some, key=lambda file: file.rank) for image, some in found.items()}


def _is_below(image: File, labels: File) -> bool:
    """Return whether an image lies in folders of the names that a label map lies in, and more."""
    rest = iter(image.folders)
    return labels.split in ("", image.split) and all(name in rest for name in labels.folders)
