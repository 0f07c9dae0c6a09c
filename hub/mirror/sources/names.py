"""What people call splits, images and label maps: in names of folders, files and columns."""

import functools
import re
from typing import Literal

Kind = Literal["image", "labels", "other"]

SPLITS = ("train", "validation", "test")
SPLIT_OF = {
    "train": "train", "training": "train", "test": "test", "testing": "test",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "eval": "validation", "evaluation": "validation",
}  # fmt: skip
_LABELS = {
    "mask", "masks", "label", "labels", "annotation", "annotations", "annot", "segmentation",
    "segmentations", "seg", "segs", "gt", "groundtruth", "labelmap", "labelmaps",
}  # fmt: skip
_IMAGES = {
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "rgb", "rgba",
    "frame", "frames",
}  # fmt: skip
# What renderers write beside an image, which shows no scene by itself.
_OTHERS = {
    "depth", "depths", "normal", "normals", "flow", "disparity", "albedo", "coordinates",
    "thumbnail", "thumbnails",
}  # fmt: skip
INSTANCES, CLASSES = {"instance", "instances", "object", "objects"}, {"class", "semantic"}
_BESIDE = {  # words that a name may have beside these
    "jpeg", "jpg", "png", "set", "split", "partial", "map", "maps", "ground", "truth", "forward",
    "backward", "optical",
} | INSTANCES | CLASSES  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_]+")
_ANY = "|".join([*sorted(_LABELS | _IMAGES | _OTHERS, key=len, reverse=True), "ground[-_. ]?truth"])
_PHRASE = rf"(?:(?:{'|'.join(sorted(_BESIDE))})[-_. ]?)*(?:{_ANY})(?:[-_. ]?(?:maps?))?"
_KINDS = (  # of the names of files: in place of the scene, after it, before it
    re.compile(rf"(?P<scene>)(?P<kind>{_PHRASE})", re.IGNORECASE),
    re.compile(rf"(?P<scene>.+?)[-_. ]+(?P<kind>{_PHRASE})", re.IGNORECASE | re.DOTALL),
    re.compile(rf"(?P<kind>{_PHRASE})(?:[-_. ]+|(?=\d))(?P<scene>.+)", re.IGNORECASE | re.DOTALL),
)


def words(name: str) -> list[str]:
    """Return the words of a name in small letters: `JPEGImages` has two, `train2017` as well."""
    return [word.casefold() for word in _WORD.findall(name)]


def kind_of(name: str) -> Kind | None:
    """Return what the words of a name say that it holds; `None` if they say nothing."""
    found = set(words(name))
    if found & _OTHERS:
        return "other"
    if found & _LABELS or {"ground", "truth"} <= found:
        return "labels"
    return "image" if found & _IMAGES else None


def split_of(name: str) -> str:
    """Return the split that a name begins with, as `train-00000-of-00002` does; `""` if none."""
    return next((SPLIT_OF.get(word, "") for word in words(name)[:1]), "")


@functools.lru_cache(1 << 14)
def read_folder(name: str) -> tuple[str, Kind | None]:
    """Return split and kind that a folder's name gives to what is in it, such as `train_masks`.

    A name with any other word, such as `no_mask` or `testing_ideas`, gives neither.
    """
    found = words(name)
    known = SPLIT_OF.keys() | _LABELS | _IMAGES | _OTHERS | _BESIDE
    if not found or not all(word in known or word.isdecimal() for word in found):
        return "", None
    split = next((SPLIT_OF[word] for word in found if word in SPLIT_OF), "")
    return split, kind_of(name)


def read_stem(stem: str) -> tuple[str, Kind | None]:
    """Return the name of the scene in that of a file, and what the rest says that it holds.

    `7_mask`, `7-Seg`, `segmentation_7` and `mask7` are label maps of the scene `7`; `mask` is that
    of a scene which has no name but its folder's.
    """
    for pattern in _KINDS:
        if match := pattern.fullmatch(stem):
            return match["scene"], kind_of(match["kind"])
    return stem, None
