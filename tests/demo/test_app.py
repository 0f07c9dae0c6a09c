"""The app without its page: what edits do, and what is shown and saved of them."""

import dataclasses
import io
import json
import zipfile

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from PIL import Image

from demo.app.editor import Editor, missing
from demo.app.export import masks_zip, scene_png
from demo.app.panels import (
    cross,
    image_panel,
    innermost,
    legend,
    masks_panel,
    rendered,
    scene_panel,
    slot_under,
)  # fmt: skip
from demo.app.studio import Studio
from demo.examples import trained_on
from demo.photo import Photo
from isa_eqx import VARIANTS, ISAConfig

from ..conftest import DEEP, SMALL, filled
from ..laws import law
from ..served import MODEL

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
slots = st.integers(0, SMALL["num_slots"] - 1)


def editor_of(variant, fields=SMALL, pixels=PIXELS):
    model = filled(ISAConfig(**fields | dict(variant=variant)))
    return model, Editor.of(Photo.of(pixels, model), model)


def patched(editor):
    """The editor with labels of all slots: random weights give the whole image to one."""
    labels = np.random.default_rng(2).integers(0, len(editor.edits), editor.labels.shape)
    return dataclasses.replace(editor, labels=labels.astype(np.uint8))


@pytest.fixture(scope="module", params=VARIANTS)
def opened(request):
    return editor_of(request.param)


@pytest.fixture(scope="module")
def tsr():
    return editor_of("isa-tsr")


def assert_frames(frames, others, **tolerance):
    for leaf, other in zip(jax.tree.leaves(frames), jax.tree.leaves(others), strict=True):
        np.testing.assert_allclose(leaf, other, **tolerance)


def test_what_is_not_edited_is_as_it_was_found(opened):
    _, editor = opened
    assert_frames(editor.frames, editor.out.frames, rtol=0)


@law(
    slot=slots, y=st.floats(-1, 1), x=st.floats(-1, 1), size=st.floats(0.5, 2),
    angle=st.floats(-90, 90),
)  # fmt: skip
def test_an_edit_is_for_one_slot_and_is_undone_by_reset(tsr, slot, y, x, size, angle):
    _, before = tsr
    after = before.select(slot)
    for name, value in dict(y=y, x=x, size=size, angle=angle).items():
        after = after.change(name, value)
    there, here = after.frames, before.frames
    np.testing.assert_allclose(there.position[slot], [y, x], atol=1e-6)
    np.testing.assert_allclose(there.scale[slot], size * here.scale[slot], rtol=1e-5)
    turn = np.asarray(there.rotation[slot]) @ np.asarray(here.rotation[slot]).T
    np.testing.assert_allclose(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])), angle, atol=1e-3)
    others = np.arange(len(before.edits)) != slot
    assert_frames(*(jax.tree.map(lambda leaf: leaf[others], f) for f in (there, here)), rtol=0)
    assert_frames(after.reset().frames, here, rtol=0)


@law(first=st.floats(-1, 1), second=st.floats(-1, 1), slot=slots)
def test_the_last_value_of_a_slider_is_the_one_that_holds(tsr, slot, first, second):
    editor = tsr[1].select(slot)
    twice, once = editor.change("y", first).change("y", second), editor.change("y", second)
    # Dictionaries ask whether an array is the same; dataclasses do so before Python 3.13 only.
    assert vars(twice) == vars(once)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_frames_lack_cannot_be_changed(variant):
    _, editor = editor_of(variant)
    lacking = 3 - len(editor.fields)
    needs = dict(x="position", size="scale", angle="rotation")
    for name, field in needs.items():
        if field in editor.fields:
            editor.select(0).change(name, 0.5)
        else:
            with pytest.raises(ValueError, match=variant):
                editor.select(0).change(name, 0.5)
    assert bool(missing(variant)) == bool(lacking)


def test_nothing_is_edited_before_a_slot_is_selected(tsr):
    for edit in (Editor.toggle, lambda editor: editor.change("y", 0.0)):
        with pytest.raises(ValueError, match="Select an object first"):
            edit(tsr[1])


def test_a_deleted_slot_is_not_painted_until_it_is_brought_back(opened):
    model, editor = opened
    gone = editor.select(1).toggle()
    assert gone.is_deleted and 1 not in rendered(model, gone)[1]
    assert "(deleted)" in legend(gone)
    back = gone.toggle()
    for one, other in zip(rendered(model, back), rendered(model, editor), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="no slot would be left"):
        gone.select(0).toggle().select(2).toggle()
    assert gone.reset().scene.kept == (0, 1, 2)


@pytest.mark.parametrize("fields", [SMALL, DEEP], ids=["pixelwise", "whole"])
def test_panels_show_the_slot_that_is_clicked(fields):
    model, editor = editor_of("isa-tsr", fields)
    editor = patched(editor)
    labels = editor.labels
    for panel in (image_panel(editor), masks_panel(editor)):
        factor = len(panel) // len(labels)
        assert panel.shape == (factor * labels.shape[0], factor * labels.shape[1], 3)
        for row, column in ((0, 0), (3, 5), (labels.shape[0] - 1, labels.shape[1] - 1)):
            place = (factor * column + factor // 2, factor * row + factor // 2)
            assert slot_under(labels, *place) == labels[row, column]
    _, owner = rendered(model, editor)
    assert scene_panel(model, editor).shape[0] % len(owner) == 0


def test_a_selected_slot_has_an_outline_and_a_cross(tsr):
    (model, editor), slot = tsr, 2
    editor = patched(editor)
    chosen = editor.select(slot)
    for panel in (image_panel, masks_panel, lambda e: scene_panel(model, e)):
        assert (panel(editor) != panel(chosen)).any()
    ends = cross(chosen.frames, slot, True)
    y, x = np.asarray(chosen.frames.position[slot])
    np.testing.assert_allclose(ends.mean(axis=(0, 1)), [x, y], atol=1e-6)
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / 2
    np.testing.assert_allclose(lengths[::-1], chosen.frames.scale[slot], rtol=1e-5)


@law(seed=st.integers(0, 99))
def test_numbers_are_within_their_masks(seed):
    mask = np.random.default_rng(seed).random((7, 9)) < 0.4
    mask[3, 4] = True
    assert mask[innermost(mask)]
    ring = np.pad(np.ones((5, 5), bool), 2)
    assert innermost(ring) == (4, 4)


def test_files_are_those_of_demo_segment(tsr):
    model, editor = tsr
    with zipfile.ZipFile(io.BytesIO(masks_zip(editor, "photo"))) as archive:
        names = {"photo.npz", "photo_labels.png", "photo_overlay.png", "coco.json"}
        assert set(archive.namelist()) == names
        content = json.loads(archive.read("coco.json"))
        labels = np.asarray(Image.open(io.BytesIO(archive.read("photo_labels.png"))))
    assert labels.shape == PIXELS.shape[:2]
    for found in content["annotations"]:
        assert found["area"] == (labels == found["slot"]).sum()
    picture = np.asarray(Image.open(io.BytesIO(scene_png(model, editor.select(0)))))
    np.testing.assert_array_equal(picture, rendered(model, editor)[0])


def test_a_desk_keeps_image_and_models_together(tmp_path):
    first, second = (editor_of(v)[0] for v in ("isa-tsr", "sa"))
    size = first.config.image_size
    scenes = np.random.default_rng(1).integers(0, 256, (2, *size, 3), np.uint8)
    studio = Studio({"a": first, "b": second}, "noise", scenes)
    desk = studio.compare(studio.start(), "b")
    assert (desk.model, desk.other, desk.compared.variant) == ("a", "b", "sa")
    Image.fromarray(PIXELS).save(tmp_path / "mine.png")
    uploaded = studio.upload(desk, str(tmp_path / "mine.png"))
    assert uploaded.name == "mine" and uploaded.other == "b"
    for editor in (uploaded.editor, uploaded.compared):
        np.testing.assert_array_equal(editor.photo.pixels, PIXELS)
    assert studio.use(uploaded, "b").other is None
    once, twice = studio.another(desk), studio.another(studio.another(desk))
    assert (once.number, twice.number, once.name) == (1, 0, "noise-1")
    np.testing.assert_array_equal(twice.editor.scene.image, scenes[0])
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="^bad.png is no image"):
        studio.upload(desk, str(tmp_path / "bad.png"))


def test_the_dataset_is_that_of_the_recipe(tmp_path):
    assert trained_on(str(MODEL)) == ("tetrominoes", "", "procedural")
    for content in (None, "{", "[]", "{}"):
        if content is not None:
            (tmp_path / "train.json").write_text(content)
        with pytest.raises(ValueError, match="name a --dataset"):
            trained_on(str(tmp_path))
