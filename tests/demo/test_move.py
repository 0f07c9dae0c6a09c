"""On a trained model, an edit of a slot is an edit of its object, and of nothing else."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from demo import move, paths
from demo.photo import Photo
from demo.scene import Scene
from isa_eqx import ISA
from training.data import load

from ..conftest import TRAINED

SIZE = (35, 35)
SCENES = 6
SAME = 0.02  # mean difference of colours in [0, 1] that nobody sees


@pytest.fixture(scope="module", params=["isa-t", "isa-ts", "isa-tsr"])
def model(request):
    return ISA.from_pretrained(TRAINED / f"tetrominoes-{request.param}")


@pytest.fixture(scope="module")
def pictures():
    return load("tetrominoes", "test", SCENES)


def scene_of(model, pictures, number):
    return Scene.of(Photo.of(np.asarray(pictures.images.pixels[number]), model), model)


@pytest.fixture(scope="module")
def scenes(model, pictures):
    return [scene_of(model, pictures, number) for number in range(SCENES)]


def rendered(model, scene, **edits):
    """Image and owner of each pixel, with one slot's frame moved."""
    if not edits:
        return scene.render(model, SIZE)
    slot = edits.pop("slot")
    only = np.arange(len(scene.slots)) == slot
    full = {
        name: np.where(only.reshape(-1, *[1] * np.ndim(value)), value, float(name == "scale"))
        for name, value in edits.items()
    }
    moved = scene.frames.moved(
        **{name: jnp.asarray(value, jnp.float32) for name, value in full.items()},
        around=scene.frames.position,
    )
    return scene.render(model, SIZE, moved)


def elsewhere(before, after, *masks):
    """The mean difference of two images away from all of these masks and a pixel around them."""
    near = np.any(masks, axis=0)
    near = np.pad(near, 1)
    near = np.any([near[y : y + 35, x : x + 35] for y in range(3) for x in range(3)], axis=0)
    return np.abs(before - after)[~near].mean()


def inside(mask):
    return mask.any() and not (mask[0].any() or mask[-1].any() or mask[:, [0, -1]].any())


def test_a_larger_rendering_has_the_models_pixels_where_they_were(model, scenes):
    """Of three times the size, every third pixel is one of the model's own."""
    scene = scenes[0]
    decoded = model.decode(scene.slots, scene.frames)
    image, owner = scene.render(model, SIZE)
    np.testing.assert_allclose(image, decoded.reconstruction, atol=1e-5)
    np.testing.assert_array_equal(owner, decoded.segmentation)
    larger, owned = scene.render(model, (3 * SIZE[0], 3 * SIZE[1]))
    np.testing.assert_allclose(larger[1::3, 1::3], image, atol=1e-4)
    assert (owned[1::3, 1::3] == owner).mean() > 0.999


def test_an_object_that_is_moved_is_moved_by_whole_pixels_and_no_other_one_is(model, scenes):
    """Where it has room: it is then the same pixels elsewhere, and the rest stays as it was."""
    step, tried = 3, 0
    for scene in scenes:
        before, owner = rendered(model, scene)
        for slot in scene.objects:
            y, x = np.asarray(scene.frames.position[slot])
            by = (int(-np.sign(y)) * step, int(-np.sign(x)) * step)
            here = owner == slot
            there = np.roll(here, by, axis=(0, 1))
            others = (owner != slot) & (owner != scene.background)
            if not inside(here) or not inside(there) or (there & others).any():
                continue
            shift = 2 * np.array(by) / (np.array(SIZE) - 1)
            after, now = rendered(model, scene, slot=slot, shift=shift)
            tried += 1
            assert np.sum((now == slot) ^ there) <= 0.1 * there.sum()
            same = np.roll(before, by, axis=(0, 1))
            assert np.abs(after - same)[there & (now == slot)].mean() < SAME
            assert elsewhere(before, after, here, there) < SAME
    assert tried >= 3


def test_an_object_that_is_deleted_is_gone_and_the_others_stay(model, scenes):
    for scene in scenes:
        before, owner = rendered(model, scene)
        for slot in scene.objects:
            after, now = rendered(model, scene.without(slot))
            gone = owner == slot
            assert not (now == slot).any()
            assert elsewhere(before, after, gone) < SAME
            # The background of Tetrominoes is black.
            assert after[gone].mean() < 0.35 * before[gone].mean()


def test_an_object_that_is_scaled_grows_and_no_other_one_does(model, scenes):
    if "scale" not in model.symmetry.fields:
        pytest.skip("this variant's frames have no scale")
    tried = 0
    for scene in scenes:
        before, owner = rendered(model, scene)
        for slot in scene.objects:
            after, now = rendered(model, scene, slot=slot, scale=(0.7, 0.7))
            here = owner == slot
            if not inside(here):
                continue
            tried += 1
            assert 0.5 * 0.49 * here.sum() < (now == slot).sum() < 1.4 * 0.49 * here.sum()
            assert elsewhere(before, after, here) < SAME
            centres = [np.argwhere(mask).mean(axis=0) for mask in (here, now == slot)]
            assert np.linalg.norm(centres[0] - centres[1]) < 1.5
    assert tried >= 3


def test_swapped_objects_are_in_the_place_of_each_other(model, scenes):
    one, other = scenes[0], scenes[1]
    here, there = one.objects[0], other.objects[0]
    swapped = one.with_slot(here, other, there)
    np.testing.assert_array_equal(swapped.slots[here], other.slots[there])
    np.testing.assert_array_equal(swapped.frames.position[here], one.frames.position[here])
    before, owner = rendered(model, one)
    after, now = rendered(model, swapped)
    assert elsewhere(before, after, owner == here, now == here) < SAME
    theirs, of_other = rendered(model, other)
    colours = [
        image[owned == slot].mean(axis=0)
        for image, owned, slot in ((after, now, here), (theirs, of_other, there))
    ]
    if (now == here).sum() > 20:  # not covered
        assert np.abs(colours[0] - colours[1]).max() < 0.2


@pytest.mark.parametrize("path", ["circle", "line", "none"])
def test_a_path_ends_where_it_begins_and_moves_one_slot_alone(path, scenes):
    scene, moments = scenes[0], np.linspace(0, 1, 9)
    slot = scene.objects[0]
    frames = paths.carried(scene.frames, slot, moments, path, 2.0, 0.5)
    for leaf, still in zip(
        (frames.position, frames.scale, frames.rotation),
        (scene.frames.position, scene.frames.scale, scene.frames.rotation),
        strict=True,
    ):
        np.testing.assert_allclose(leaf[0], still, atol=1e-6)
        np.testing.assert_allclose(leaf[-1], still, atol=1e-5)
        others = np.arange(len(still)) != slot
        np.testing.assert_array_equal(
            leaf[:, others], np.broadcast_to(still, leaf.shape)[:, others]
        )
    np.testing.assert_allclose(frames.scale[4, slot], 2 * scene.frames.scale[slot], rtol=1e-5)
    at_half = np.asarray(frames.position[4, slot])
    if path != "none":
        np.testing.assert_allclose(at_half, -scene.frames.position[slot], atol=1e-5)


def test_the_command_writes_an_animation_of_every_object(tmp_path, pictures, capsys, monkeypatch):
    monkeypatch.setattr(move, "MOMENTS", 3)
    Image.fromarray(np.asarray(pictures.images.pixels[0])).save(tmp_path / "a.png")
    out = tmp_path / "a.gif"
    move.main(
        [str(tmp_path / "a.png"), "--model", str(TRAINED / "tetrominoes-isa-t"), "--out", str(out)]
    )
    said = capsys.readouterr().out
    assert "of the image (background)" in said and said.count("slot") == 4
    with Image.open(io.BytesIO(out.read_bytes())) as animation:
        assert animation.n_frames == 3 * move.MOMENTS and animation.info["loop"] == 0
        assert animation.size == (3 * 256 + 2 * 8, 256 + 22)


def test_deleting_and_swapping_make_a_picture_of_both_images(tmp_path, pictures):
    for number in (0, 1):
        pixels = np.asarray(pictures.images.pixels[number])
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    words = [str(tmp_path / "0.png"), "--model", str(TRAINED / "tetrominoes-isa-t")]
    words += ["--swap", str(tmp_path / "1.png"), "1", "2", "--delete", "3"]
    move.main([*words, "--out", str(tmp_path / "a.gif")])
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 1 and picture.size == (3 * 256 + 2 * 8, 2 * 256 + 8 + 22)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "a.png"), "--out must be a .gif, got a.png"),
        (("--out", "{there}"), "is there already; name another file with --out"),
        (("--slot", "4"), "there is no slot 4; slots are 0 to 3"),
        (("--slot", "one"), "--slot must be a number or all, got 'one'"),
        (("--delete", "9"), "there is no slot 9"),
        (("--delete", "0", "1", "2", "3"), "no slot would be left; delete fewer"),
        (("--delete", "1", "--slot", "1", "--path", "line"), "slot 1 is deleted; carry"),
        (("--seed", "-1"), r"--seed must be from 0 to 2\*\*32 - 1, got -1"),
        (("--scale", "0"), "--scale must be above 0, got 0"),
        (("--scale", "2"), "slots of isa-t have no scale to scale them by; take a model of isa-ts"),
        (("--rotate", "9"), "have no rotation to rotate them by; take a model of isa-tsr"),
        (
            ("--model", str(TRAINED / "tetrominoes-sa")),
            "slots of sa have no position to move them by",
        ),
        (("--path", "none"), "nothing would change"),
        (("--swap", "{nowhere}", "1", "1"), "there is no file"),
    ],
)
def test_a_mistake_ends_in_one_sentence(tmp_path, pictures, words, message):
    Image.fromarray(np.asarray(pictures.images.pixels[0])).save(tmp_path / "a.png")
    (tmp_path / "there.gif").write_text("mine")
    places = dict(there=tmp_path / "there.gif", nowhere=tmp_path / "nowhere.png")
    words = [word.format(**places) for word in words]
    for option, usual in (
        ("--model", str(TRAINED / "tetrominoes-isa-t")),
        ("--out", tmp_path / "b.gif"),
    ):
        words += [] if option in words else [option, str(usual)]
    with pytest.raises(SystemExit, match=message):
        move.main([str(tmp_path / "a.png"), *words])
    assert (tmp_path / "there.gif").read_text() == "mine" and not (tmp_path / "b.gif").exists()
