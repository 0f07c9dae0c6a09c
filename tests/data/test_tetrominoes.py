"""The procedural Tetrominoes: what every scene has, and that it is always the same one."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from training.data import load
from training.data.procedural.settings import scene_key
from training.data.procedural.tetrominoes import BEVEL, SHAPES, draw

from ..conftest import other_settings


def arrays(scenes):
    return np.asarray(scenes.images), np.asarray(scenes.labels)


@pytest.fixture(scope="module")
def drawn():
    return arrays(draw(0, 0, jnp.arange(512, dtype=jnp.uint32)))


def test_there_are_19_shapes():
    assert SHAPES.shape == (19, 4, 2)
    assert len({piece.tobytes() for piece in SHAPES}) == 19


def test_three_whole_pieces_that_do_not_overlap(drawn):
    _, labels = drawn
    for piece in (1, 2, 3):
        assert ((labels == piece).sum(axis=(1, 2)) == 100).all()


def test_background_is_black_and_pieces_are_not(drawn):
    images, labels = drawn
    assert ((images.max(axis=-1) > 0) == (labels > 0)).all()


def test_pieces_are_bevelled_cells_of_one_colour(drawn):
    images, labels = drawn
    for image, label in zip(images[:64], labels[:64], strict=True):
        for piece in (1, 2, 3):
            rows, columns = np.nonzero(label == piece)
            cells = {
                (r // 5, c // 5)
                for r, c in zip(rows - rows.min(), columns - columns.min(), strict=True)
            }
            assert any({tuple(cell) for cell in shape} == cells for shape in SHAPES.tolist())
            patch = image[rows, columns].reshape(-1, 3)
            active = patch.max(axis=0) > 0
            assert active.any() and not active.all()
            expected = BEVEL[(rows - rows.min()) % 5, (columns - columns.min()) % 5]
            assert (patch[:, active] == expected[:, None]).all()


def test_offsets_are_arbitrary_and_everything_occurs(drawn):
    images, labels = drawn
    tops = [np.nonzero(label == 1)[0].min() for label in labels]
    assert {top % 5 for top in tops} == {0, 1, 2, 3, 4}
    colours = {tuple(c) for c in (images[labels > 0] > 0).tolist()}
    assert len(colours) == 6


def test_a_scene_depends_on_seed_split_and_index_alone(drawn):
    images, labels = drawn
    some = jnp.asarray([7, 3], jnp.uint32)
    again = arrays(draw(0, 0, some))
    assert (again[0] == images[[7, 3]]).all() and (again[1] == labels[[7, 3]]).all()
    for other in (draw(1, 0, some), draw(0, 1, some)):
        assert (np.asarray(other.images) != again[0]).any(axis=(1, 2, 3)).all()


def test_no_scene_is_in_two_splits():
    seen = [
        {image.tobytes() for image in load("tetrominoes", split, 1000).images.pixels}
        for split in ("train", "validation", "test")
    ]
    assert [len(s) for s in seen] == [1000, 1000, 1000]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_more_of_a_split_begins_with_fewer():
    few, many = load("tetrominoes", "train", 5), load("tetrominoes", "train", 20)
    assert (many.images.pixels[:5] == few.images.pixels).all() and (
        many.labels[:5] == few.labels
    ).all()


def test_scenes_are_those_that_were_released(drawn):
    """Figures of others are of these scenes."""
    images, labels = drawn
    assert zlib.crc32(images.tobytes()) == 1593475398
    assert zlib.crc32(labels.tobytes()) == 3712416510


def test_an_offset_of_seeds_is_for_other_keys():
    wanted = jax.random.key_data(jax.random.fold_in(jax.random.key(3), 2))
    jax.config.update("jax_random_seed_offset", 7)
    try:
        found = jax.random.key_data(scene_key(3, 2))
    finally:
        jax.config.update("jax_random_seed_offset", 0)
    np.testing.assert_array_equal(found, wanted)


def test_scenes_do_not_depend_on_settings_of_jax(drawn):
    with other_settings():
        again = arrays(draw(0, 0, jnp.arange(512, dtype=jnp.uint32)))
    for one, other in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one, other)
