"""Which images of one's own are held out to validate on: always the same, and no near-copies."""

import collections
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

HELD_OUT = 100  # images to validate on, about; and about a tenth
FEWEST = 5  # folders, or films, of which one can be held out
_FRAME = re.compile(r"(.*?)[-_. ]*(\d+)", re.DOTALL)


def hold_out(names: Sequence[PurePath]) -> tuple[set[PurePath], str]:
    """Return which images are held out, and how they were chosen, in a few words.

    They are a tenth, at most 100, by the hashes of their names. Frames of a film and views of a
    scene stay together: if folders hold files of the same names, or names a number after something
    else, whole folders or films are held out, which may make it a few more. Images of the same name
    in other folders, such as those of several cameras, stay together as well.

    - `names`: paths from the common folder of all.
    """
    wanted = min(HELD_OUT, max(1, len(names) // 10))
    for what, parts in (("folders", _by_folder), ("series", _by_series)):
        groups = _grouped(names, lambda name, parts=parts: parts(name)[0])
        inside = {parts(name)[1] for name in names}
        # The same names in all of them: not classes, whose images have names of their own.
        if len(groups) >= FEWEST and 2 * len(inside) <= len(names):
            found, chosen = _lowest(groups, wanted, len(names) // FEWEST)
            if found:
                return found, f"held out: {len(chosen):,} of {len(groups):,} {what}"
    found, _ = _lowest(_grouped(names, lambda name: name.stem), wanted, len(names) // 2)
    found = found or _lowest(_grouped(names, str), wanted, 1)[0]
    return found, "held out, by name"


def with_copies(chosen: set[PurePath], names: Sequence[PurePath], base: Path) -> set[PurePath]:
    """Return the images with those of the others that are the same, byte for byte.

    - `base`: the folder that names begin in.
    """
    sizes = {name: (base / name).stat().st_size for name in names}
    some = {sizes[name] for name in chosen}
    alike = [name for name in names if sizes[name] in some]
    if len(alike) == len(chosen):
        return chosen
    digests = {name: _digest(base / name) for name in alike}
    known = {digests[name] for name in chosen}
    copies = {name for name in alike if digests[name] in known}
    return copies if len(copies) < len(names) else chosen


def _by_folder(name: PurePath) -> tuple[str, str]:
    return str(name.parent), name.name


def _by_series(name: PurePath) -> tuple[str, str]:
    match = _FRAME.fullmatch(name.stem)
    return (f"{name.parent}/{match[1]}", match[2]) if match else (str(name), name.name)


def _grouped(
    names: Sequence[PurePath], key: Callable[[PurePath], str]
) -> dict[str, list[PurePath]]:
    groups: dict[str, list[PurePath]] = collections.defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return groups


def _lowest(
    groups: dict[str, list[PurePath]], wanted: int, largest: int
) -> tuple[set[PurePath], list[str]]:
    """Return the groups with the lowest hashes that have as many images as wanted together."""
    found: set[PurePath] = set()
    chosen = []
    for key in sorted(groups, key=lambda key: hashlib.sha256(_encoded(key)).digest()):
        if len(groups[key]) <= largest and len(found) < wanted:
            found.update(groups[key])
            chosen.append(key)
    return found, chosen


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")  # as names of files may be no UTF-8


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
