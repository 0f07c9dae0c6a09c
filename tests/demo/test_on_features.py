"""What a person does with a model that explains features."""

import equinox as eqx
import numpy as np
import pytest
from PIL import Image

from demo.move import main as move
from demo.photo import Photo, explain
from demo.scene import Scene
from demo.segment import main as segment
from isa_eqx import ISA, ISAConfig

from ..conftest import FEATURES, SMALL, filled


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose slots paint masks that differ from place to place."""
    path = tmp_path_factory.mktemp("model")
    model = filled(ISAConfig(**FEATURES | dict(variant="isa-ts")))
    places = lambda m: m.decoder.position.weight  # noqa: E731
    eqx.tree_at(places, model, replace_fn=lambda weight: 30 * weight).save_pretrained(path)
    return path


def segmented(photo, folder, out, *options):
    segment([str(photo), "--model", str(folder), "--out", str(out), *options])
    labels = np.asarray(Image.open(out / "photo_labels.png"))
    return labels, np.load(out / "photo.npz")


def test_masks_are_in_the_size_of_the_photo_and_of_the_attention(photo, folder, tmp_path):
    labels, arrays = segmented(photo, folder, tmp_path / "auto")
    assert labels.shape == (40, 50)
    assert "reconstruction" not in arrays
    assert arrays["masks"].shape == (3, 16, 12)
    maps = arrays["attention"].reshape(3, 4, 3)
    np.testing.assert_array_equal(labels, Photo.read(photo, model(folder)).label_map(maps))
    asked, _ = segmented(photo, folder, tmp_path / "attention", "--masks", "attention")
    np.testing.assert_array_equal(asked, labels)
    decoded, _ = segmented(photo, folder, tmp_path / "decoder", "--masks", "decoder")
    assert (decoded != labels).any()


def model(folder):
    return ISA.from_pretrained(folder)


def test_at_a_larger_resolution_there_are_more_patches(photo, folder, tmp_path):
    _, arrays = segmented(photo, folder, tmp_path / "fine", "--resolution", "32")
    assert arrays["masks"].shape == (3, 32, 24)
    assert arrays["attention"].shape == (3, 8 * 6)


def test_a_resolution_that_cannot_be_is_said(photo, folder, tmp_path):
    with pytest.raises(SystemExit, match="image_size must be a multiple of 4"):
        segmented(photo, folder, tmp_path / "odd", "--resolution", "33")
    filled(ISAConfig(**SMALL)).save_pretrained(tmp_path / "colours")
    with pytest.raises(SystemExit, match="resolution is for models that explain features"):
        segmented(photo, tmp_path / "colours", tmp_path / "out", "--resolution", "32")


def test_a_scene_is_painted_in_the_mean_colours_of_its_slots(photo, folder):
    isa = model(folder)
    seen = np.asarray(Photo.read(photo, isa).seen(isa))
    scene = Scene.of(Photo.read(photo, isa), isa)
    masks = np.asarray(explain(isa, seen, np.uint32(0)).masks)[..., None]
    wanted = (masks * seen).sum(axis=(1, 2)) / masks.sum(axis=(1, 2))
    np.testing.assert_allclose(scene.colours, wanted, atol=1e-5)
    image, owner = scene.render(isa, (32, 24))
    assert image.shape == (32, 24, 3) and owner.shape == (32, 24)
    low, high = scene.colours.min(axis=0), scene.colours.max(axis=0)
    assert (image >= low - 1e-5).all() and (image <= high + 1e-5).all()
    only = scene.without(0, 1)
    np.testing.assert_allclose(
        only.render(isa, (16, 12))[0], np.broadcast_to(scene.colours[2], (16, 12, 3)), atol=1e-5
    )
    swapped = scene.with_slot(0, scene, 2)
    np.testing.assert_array_equal(swapped.colours[0], scene.colours[2])


def test_its_objects_can_be_moved(photo, folder, tmp_path):
    move([str(photo), "--model", str(folder), "--out", str(tmp_path / "move.gif"), "--slot", "0"])
    with Image.open(tmp_path / "move.gif") as animation:
        assert animation.n_frames > 1
