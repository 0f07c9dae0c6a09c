"""Images are held out by their names alone, and never beside a near-copy of themselves."""

from pathlib import PurePath

import numpy as np
import pytest

from hub.mirror.sources.held_out import hold_out, with_copies

pytestmark = pytest.mark.quick


def paths(*patterns, **ranges):
    """`{s}/{f}.png` for all values."""
    found = [*patterns]
    for name, count in ranges.items():
        found = [p.replace(f"{{{name}}}", f"{n:03d}") for p in found for n in range(count)]
    return [PurePath(path) for path in found]


def test_a_tenth_is_held_out_whatever_the_order_and_at_most_a_hundred():
    names = paths("folder/{n}.png", n=999) + paths("folder/x{n}.png", n=999)
    chosen, _ = hold_out(names)
    assert len(chosen) == 100 and chosen < set(names)
    assert hold_out(names[::-1])[0] == chosen
    assert len(hold_out(paths("{n}.png", n=30))[0]) == 3
    assert len(hold_out(paths("{n}.png", n=2))[0]) == 1


def test_names_without_a_number_are_no_series():
    names = [PurePath(f"{name}.png") for name in ["oak", "elm", "ash", "fir", "yew", "bay"]]
    assert hold_out(names)[1] == "held out, by name"


def test_they_are_spread_over_the_names():
    places = [int(path.stem) for path in hold_out(paths("{n}.png", n=1000))[0]]
    counts, _ = np.histogram(places, bins=4, range=(0, 1000))
    assert counts.min() > 10 and len(places) == 100


@pytest.mark.parametrize(
    ("pattern", "scene", "what"),
    [
        ("scene{s}/frame_{f}.png", lambda path: path.parent, "folders"),
        ("{s}/rgb/{f}.jpg", lambda path: path.parts[0], "folders"),
        ("clip_{s}_{f}.jpg", lambda path: path.stem[:8], "series"),
        ("all/v{s}-{f}.png", lambda path: path.stem[:4], "series"),
    ],
)
def test_frames_of_a_film_and_views_of_a_scene_stay_together(pattern, scene, what):
    names = paths(pattern, s=30, f=12)
    chosen, said = hold_out(names)
    assert 36 <= len(chosen) < 36 + 12
    assert {scene(p) for p in chosen}.isdisjoint(scene(p) for p in set(names) - chosen)
    assert said == f"held out: 3 of 30 {what}"


def test_several_cameras_see_a_scene_on_the_same_side():
    """Three folders are too few to hold one of them out."""
    names = paths("camera{c}/{f}.png", c=3, f=100)
    chosen, _ = hold_out(names)
    held_out = {path.name for path in chosen}
    assert len(held_out) == 10 and len(chosen) == 30
    assert all((path.name in held_out) == (path in chosen) for path in names)


def test_classes_are_on_both_sides():
    """Images whose names are all different lie in folders for another reason."""
    names = [PurePath(f"class{n % 10}/{n:04d}.jpg") for n in range(500)]
    chosen, _ = hold_out(names)
    assert len(chosen) == 50 and len({path.parent for path in chosen}) > 5


def test_something_is_left_to_train_on():
    for names in (
        paths("{s}/image.png", s=3),  # the same name three times
        paths("a{s}/0.png", s=2),
        paths("{s}/{f}.png", s=5, f=2) + paths("large/{f}.png", f=500),
        paths("x.png") + paths("x.jpg"),
    ):
        chosen, _ = hold_out(names)
        assert 1 <= len(chosen) <= max(1, len(names) // 2)


def test_copies_of_what_is_held_out_are_held_out_as_well(tmp_path):
    names = paths("{n}.png", n=6)
    for path, content in zip(names, (b"a", b"b", b"a", b"long", b"c", b"a"), strict=True):
        (tmp_path / path).write_bytes(content)
    assert with_copies({names[0]}, names, tmp_path) == {names[0], names[2], names[5]}
    assert with_copies({names[3]}, names, tmp_path) == {names[3]}
    for path in names:
        (tmp_path / path).write_bytes(b"all alike")
    assert with_copies({names[0]}, names, tmp_path) == {names[0]}
