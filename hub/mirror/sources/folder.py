"""What a person means by a folder: which files are images, of which split, with which label map."""

import collections
import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePath

from .belonging import File, Key, belonging, read_name
from .listing import by_suffix

ANNOTATIONS = (".json", ".xml", ".txt")  # polygons and boxes, as of labelme, VOC, COCO and YOLO


@dataclasses.dataclass(frozen=True)
class Scene:
    """An image file, its split, `""` if nothing says so, and the file of its label map."""

    image: PurePath
    split: str
    labels: PurePath | None


@dataclasses.dataclass(frozen=True)
class Layout:
    """The scenes of a folder; what it has besides, by the reason why that is not used.

    - `listed`: whether splits are those of lists, and not of folders.
    """

    scenes: Sequence[Scene]
    notes: Sequence[str]
    unused: Mapping[str, Sequence[str]]
    listed: bool


def understand(
    paths: Sequence[PurePath],
    formats: Collection[str],
    lists: Mapping[str, Collection[str]] | None = None,
) -> Layout:
    """Return which of the files are images, and what belongs to them, by their names alone.

    A file is a label map if its folder is called so, in any spelling, and others are images; or if
    its own name is that of an image with `_mask` or the like. It belongs to the image of the same
    scene, folder and split; else to the only one of that scene in a folder below the one that
    `masks/` is in. What renderers write beside an image, such as depth, is known likewise.

    - `paths`: relative to the sources' common folder.
    - `formats`: the suffixes of images, in small letters.
    - `lists`: for each split, names of images without suffix, for paths that say no split.
    """
    pictures = [path for path in paths if path.suffix.lower() in formats]
    unused: dict[str, list[str]] = collections.defaultdict(list)
    files = list(map(read_name, pictures))
    notes = []
    if files and all(file.kind != "image" for file in files):
        notes.append("all are taken for images, though they are called like label maps")
        files = [dataclasses.replace(file, kind="image", scene=file.path.stem) for file in files]
    images = [file for file in files if file.kind == "image"]
    others = [file for file in files if file.kind != "image"]
    scenes = collections.Counter(image.key for image in images)
    names = {image.scene.casefold() for image in images}
    alone = {file for file in others if _is_alone(file, scenes, names)}
    labels = belonging(images, [f for f in others if f.kind == "labels" and f not in alone])
    taken = set(labels.values())
    for file in others:
        if file not in alone and file not in taken:
            unused[_why(file, scenes)].append(str(file.path))
    if alone:
        notes.append(f"{_such(alone)}, as no image has the rest of that name")
    if twice := [file for file in images if scenes[file.key] > 1]:
        notes.append(f"{_such(twice)}, though others have the same name")
    found = [
        Scene(file.path, file.split, labels[file].path if file in labels else None)
        for file in files
        if file.kind == "image" or file in alone
    ]
    unused |= _others(set(paths).difference(pictures), found)
    listed = [] if any(scene.split for scene in found) else _listed(found, lists or {})
    if listed:
        known = {scene.image for scene in listed}
        unused["image{s} in no list of a split"] = [
            str(scene.image) for scene in found if scene.image not in known
        ]
    return Layout(listed or found, notes, dict(unused), bool(listed))


def _is_alone(file: File, scenes: Collection[Key], names: Collection[str]) -> bool:
    """Return whether no image is of the scene of what reads like a label map, or like depth.

    `venice_mask.png` may be an image; so may those in `normal/`, but not those in `masks/`.
    """
    if file.in_folder:
        return file.kind == "other" and file.key not in scenes
    return file.scene.casefold() not in names


def _why(file: File, scenes: Collection[Key]) -> str:
    """Return the reason why a file is not used."""
    if file.kind == "other":
        return "image{s} of depth and the like"
    return "further label map{s}" if file.key in scenes else "label map{s} of no image"


def _others(paths: Collection[PurePath], scenes: Sequence[Scene]) -> dict[str, list[str]]:
    """Return the files that are no images, by their kind: annotations of images, and others."""
    names = {scene.image.stem for scene in scenes}
    about = [
        path
        for path in sorted(paths)
        if path.suffix.lower() in ANNOTATIONS
        and (path.stem in names or path.parent.name.casefold() == "annotations")
    ]
    found = by_suffix(sorted(set(paths).difference(about)))
    said = "file{s} of annotations, of which only label maps are read"
    return found | ({said: list(map(str, about))} if about else {})


def _such(files: Collection[File]) -> str:
    first = min(file.path for file in files)
    if len(files) == 1:
        return f"{first} is taken for an image"
    return f"{len(files):,} files like {first} are taken for images"


def _listed(scenes: Sequence[Scene], lists: Mapping[str, Collection[str]]) -> list[Scene]:
    """Return the scenes that lists of splits name; none if they name none to train on."""
    split_of = {name: split for split, names in reversed([*lists.items()]) for name in names}
    found = [
        dataclasses.replace(scene, split=split_of[scene.image.stem])
        for scene in scenes
        if scene.image.stem in split_of
    ]
    return found if any(scene.split == "train" for scene in found) else []
