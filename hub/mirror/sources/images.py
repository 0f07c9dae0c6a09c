"""Images of one's own in folders of files."""

import collections
import dataclasses
import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

from ...common.image_file import (
    decode_image_file,
    formats,
    read_file,
    read_image_file,
    read_label_file,
)
from ...common.terminal import printable
from .belonging import LOSSY
from .folder import Layout, Scene, understand
from .held_out import hold_out, with_copies
from .image_row import Picture, make_image_row
from .listing import Listing
from .names import SPLITS, read_stem, split_of
from .records import Record
from .understood import Understood

TRIES = 4  # to hold out images of which one can be read


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of folders, in the order of their rows, each with a split.

    - `base`: the folder that the paths of `scenes` begin in.
    - `understood`: what is said of it before.
    """

    base: Path
    scenes: Sequence[Scene]
    understood: Understood

    @property
    def files(self) -> list[tuple[str, Path]]:
        """Images and label maps, each after its split, or after what it is."""
        return [(scene.split, self.base / scene.image) for scene in self.scenes] + [
            ("labels", self.base / scene.labels) for scene in self.scenes if scene.labels
        ]

    def records(self, keep_aspect: bool) -> Iterator[Record]:
        """Iterate over the images.

        - `keep_aspect`: keep all of an image, not the square in its middle.
        """
        for place, scene in enumerate(self.scenes):
            path = self.base / scene.image
            labels = None if scene.labels is None else self.base / scene.labels
            read = functools.partial(_read, path, labels)
            make = functools.partial(make_image_row, printable(path), place, read, keep_aspect)
            yield Record(printable(path), scene.split, place / len(self.scenes), make)


def find_images(found: Listing) -> Images | None:
    """Return the images among files, `None` if there are none.

    What is an image and what a label map, and of which split, `understand` says. Without a split to
    validate on, images are held out, see `hold_out`; and if all are of one split, whatever it is,
    they are there to train on.

    Raises a `ValueError` if there are none to train on, or too few to hold one out.
    """
    lists = _lists(found)
    layout = understand(found.files, formats(), _names(found.base, lists))
    if layout.listed:
        rest = [path for path in found.files if path not in lists]
        layout = understand(rest, formats(), _names(found.base, lists))
    if not layout.scenes:
        return None
    scenes, held_out = _placed(layout.scenes, found.base)
    order = sorted(scenes, key=lambda scene: (SPLITS.index(scene.split), scene.image))
    unused = {"link{s} out of the source": [str(path) for path in found.outside]}
    maps = [_pattern(scene) for scene in order if scene.labels is not None]
    understood = Understood(
        splits=collections.Counter(scene.split for scene in order),
        held_out=held_out,
        labels=collections.Counter(maps),
        notes=[*layout.notes, *_notes(layout, lists)],
        unused=dict(layout.unused) | unused,
    )
    return Images(found.base, order, understood)


def _placed(scenes: Sequence[Scene], base: Path) -> tuple[list[Scene], str]:
    """Return the scenes with a split each, and how some were held out, `""` if none had to be."""
    given = {scene.split or "train" for scene in scenes}
    if len(given) == 1:
        scenes, given = [dataclasses.replace(scene, split="train") for scene in scenes], {"train"}
    train = [scene.image for scene in scenes if scene.split in ("", "train")]
    if not train:
        raise ValueError(
            f"no image to train on: all are in folders of {' and '.join(sorted(given))}; call one "
            "train."
        )
    chosen: set[PurePath] = set()
    said = ""
    if "validation" not in given:
        if len(train) < 2:
            raise ValueError("two images are wanted, to train on and to validate on; got one.")
        chosen, said = _chosen(train, base)
    return [
        dataclasses.replace(
            scene, split="validation" if scene.image in chosen else scene.split or "train"
        )
        for scene in scenes
    ], said


def _chosen(names: Sequence[PurePath], base: Path) -> tuple[set[PurePath], str]:
    """Return what `hold_out` does; other images if each of those is broken."""
    left = list(names)
    for _ in range(TRIES):
        chosen, said = hold_out(left)
        if any(map(_is_readable, (base / name for name in chosen))):
            return with_copies(chosen, names, base), said
        left = [name for name in left if name not in chosen]
        if not left:
            break
    return hold_out(names)  # and it is said of each that it is broken


def _is_readable(path: Path) -> bool:
    try:
        read_image_file(path)
    except ValueError:
        return False
    return True


def _lists(found: Listing) -> dict[Path, str]:
    """Return the files that list the images of a split, as `ImageSets/Segmentation/train.txt`.

    Those of segmentations are taken, if there are several folders of them.
    """
    lists = {
        path: split_of(path.stem)
        for path in found.files
        if path.suffix.lower() == ".txt" and split_of(path.stem) and path.stem.isalpha()
    }
    folders = {path.parent for path in lists}
    best = min(folders, key=lambda f: ("seg" not in f.name.lower(), f.name != "Main", f), default=0)
    return {path: split for path, split in lists.items() if path.parent == best}


def _notes(layout: Layout, lists: Mapping[Path, str]) -> list[str]:
    """Return what is said of where the splits come from."""
    loose = [scene for scene in layout.scenes if not scene.split]
    if layout.listed:
        return [f"splits as in {', '.join(map(str, sorted(lists)))}"]
    if 0 < len(loose) < len(layout.scenes):
        return [
            f"{len(loose):,} like {loose[0].image} lie in no folder of a split, so they are train"
        ]
    return []


def _names(base: Path, lists: Mapping[Path, str]) -> dict[str, Collection[str]]:
    """Return the names of the images in lists: never a place to read from."""
    found = {}
    for path, split in lists.items():
        lines = (base / path).read_text("utf-8", "surrogateescape").splitlines()
        entries = [PurePath(line.split()[0]) for line in lines if line.strip()]
        found[split] = {p.stem if p.suffix.lower() in formats() else p.name for p in entries}
    return found


def _pattern(scene: Scene) -> str:
    """Return where label maps such as that of a scene lie: in `masks/`, or `NAME_mask.png`."""
    assert scene.labels is not None
    beside = [name for name in scene.labels.parent.parts if name not in scene.image.parent.parts]
    if beside:
        return f"in {beside[0]}/"
    name, stem = read_stem(scene.labels.stem)[0], scene.labels.stem
    rest = stem.removeprefix(name) if stem.startswith(name) else stem.removesuffix(name)
    before, after = ("NAME", rest) if stem.startswith(name) else (rest, "NAME")
    return f"{before}{after}{scene.labels.suffix}" if name else scene.labels.name


def _read(path: Path, labels: Path | None) -> Picture:
    if labels is not None and labels.suffix.lower() in LOSSY:
        raise ValueError(f"its label map, {labels.name}, has lost its labels; make it a PNG.")
    file = read_file(path)
    pixels = decode_image_file(file, str(path))
    return Picture(pixels, None if labels is None else read_label_file(labels), file)
