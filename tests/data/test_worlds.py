"""Procedural worlds: what every scene has, and that it is always the same one."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isa_eqx import published
from training.data import DATASETS, Place, dataset, load
from training.data.drawing import draw_batches, draw_split
from training.data.procedural import clevr, clevrtex, multishapenet, objects_room, waymo
from training.data.scenes import shuffled_batches

from ..conftest import other_settings, slow

SCENES = 4
WORLDS = {  # those that differ the most: they take seconds to compile
    "objects_room": objects_room.WORLD,
    "identical_color": objects_room.TESTS["identical_color"],
    "clevr clevr6": clevr.WORLDS["clevr6"],
    "clevrtex outd": clevrtex.WORLDS["outd"],
    "multishapenet_easy": multishapenet.WORLD,
    "waymo_open": waymo.WORLD,
}
OBJECTS = {  # how many there may be
    "objects_room": (1, 3),
    "identical_color": (1, 6),
    "clevr clevr6": (1, 6),
    "clevrtex outd": (1, 10),
    "multishapenet_easy": (1, 4),
    "waymo_open": (0, 10),
}


def indices(*numbers):
    return jnp.asarray(numbers, jnp.uint32)


SLOW = "identical_color", "clevr clevr6"  # seconds to compile, and drawn in other tests


@pytest.fixture(scope="module", params=[slow(name) if name in SLOW else name for name in WORLDS])
def drawn(request):
    world = WORLDS[request.param]
    return request.param, world, world.draw(0, 0, indices(*range(SCENES)))


def test_scenes_have_the_sizes_and_labels_of_the_dataset(drawn):
    name, world, scenes = drawn
    images, labels = np.asarray(scenes.images), np.asarray(scenes.labels)
    known = "objects_room" if name in objects_room.TESTS else name.split()[0]
    assert labels.shape == (SCENES, *published(known).image_size)
    assert images.shape == (*labels.shape, 3)
    assert labels.max() < world.num_labels <= dataset(known).num_labels
    fewest, most = OBJECTS[name]
    for label in labels:
        seen = [n for n in np.unique(label) if n >= world.background]
        assert fewest <= len(seen) <= most
        assert all((label == n).mean() > 0.7 * world.min_share for n in seen)
    assert images.std() > 20


def test_a_scene_depends_on_seed_split_and_index_alone(drawn):
    _, world, scenes = drawn
    again = world.draw(0, 0, indices(3, 1, 3, 0))
    np.testing.assert_array_equal(again.images[:2], scenes.images[jnp.array([3, 1])])
    np.testing.assert_array_equal(again.labels[:2], scenes.labels[jnp.array([3, 1])])
    assert not np.array_equal(scenes.images[0], scenes.images[1])
    for other in (
        world.draw(1, 0, indices(*range(SCENES))),
        world.draw(0, 1, indices(*range(SCENES))),
    ):
        assert not np.array_equal(other.images, scenes.images)


# Of the first two scenes, as they were drawn when this library was first released: the mean of red,
# green and blue, and the pixels of each label. Figures of others are of these scenes.
RELEASED = {
    "objects_room": (
        [[138.5, 107.7, 108.5], [95.4, 99.6, 99.8]],
        [[595, 1873, 581, 660, 177, 210], [573, 1625, 485, 723, 484, 206]],
    ),
    "identical_color": (
        [[121.9, 86.5, 113.5], [104.2, 93.6, 107.1]],
        [
            [595, 1386, 449, 600, 47, 209, 158, 137, 515],
            [573, 1523, 460, 642, 484, 206, 103, 47, 58],
        ],
    ),
    "clevr clevr6": (
        [[136.2, 146.9, 148.2], [140.7, 136.6, 127.1]],
        [[13755, 1554, 464, 192, 419], [13153, 889, 0, 963, 1051, 328]],
    ),
    "clevrtex outd": (
        [[57.7, 46.5, 94.2], [125.3, 127.6, 133.0]],
        [[13475, 1640, 729, 205, 335], [10302, 762, 0, 1614, 504, 1862, 0, 257, 0, 1083]],
    ),
    "multishapenet_easy": (
        [[163.3, 164.4, 163.1], [182.3, 181.8, 182.8]],
        [[13198, 993, 1271, 599, 323], [14180, 544, 1138, 522]],
    ),
    "waymo_open": (
        [[103.3, 110.5, 119.1], [100.6, 111.4, 118.6]],
        [
            [21849, 731, 0, 564, 0, 0, 0, 0, 512, 642, 278],
            [21646, 1091, 0, 638, 290, 0, 0, 0, 599, 312],
        ],
    ),
}


def test_scenes_are_those_that_were_released(drawn):
    name, _, scenes = drawn
    means, counts = RELEASED[name]
    images, labels = (np.asarray(x)[:2] for x in (scenes.images, scenes.labels))
    found = [np.bincount(one.reshape(-1)).tolist() for one in labels]
    np.testing.assert_allclose(images.mean(axis=(1, 2)), means, atol=0.1)
    for one, wanted in zip(found, counts, strict=True):  # but for pixels cut in two by an edge
        np.testing.assert_allclose(one, wanted, atol=2)


def test_scenes_do_not_depend_on_settings_of_jax(drawn):
    _, world, scenes = drawn
    with other_settings():
        again = world.draw(0, 0, indices(*range(SCENES)))
    for one, other in zip(jax.tree.leaves(again), jax.tree.leaves(scenes), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_an_object_of_which_too_little_is_seen_is_left_out():
    world = dataclasses.replace(WORLDS["clevr clevr6"], size=(64, 64))

    def smallest(world):
        labels = np.asarray(world.draw(0, 0, indices(*range(16))).labels)
        return min((label == n).mean() for label in labels for n in np.unique(label) if n)

    assert smallest(dataclasses.replace(world, min_share=0.0)) < 0.01
    assert smallest(dataclasses.replace(world, min_share=0.03)) > 0.02


def test_an_object_that_is_seen_whole_has_the_pose_of_its_mask(drawn):
    """Hidden ones have that of the silhouette, which is never smaller than the mask."""
    _, world, scenes = drawn
    position = np.asarray(scenes.poses.position)
    height, width = world.size
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    apart = [
        np.hypot(y[mask].mean() - position[n, label, 0], x[mask].mean() - position[n, label, 1])
        for n, label in itertools.product(range(SCENES), range(world.background, world.num_labels))
        if (mask := np.asarray(scenes.labels[n]) == label).any()
    ]
    assert not apart or np.median(apart) < 0.01


def test_objects_of_one_colour_have_one():
    scenes = WORLDS["identical_color"].draw(0, 0, indices(*range(SCENES)))
    for image, labels in zip(np.asarray(scenes.images), np.asarray(scenes.labels), strict=True):
        pixels = [image[labels == n] for n in np.unique(labels) if n >= objects_room.BACKGROUND]
        hues = [(p / p.max(axis=-1, keepdims=True)).mean(0) for p in pixels]
        assert np.ptp(hues, axis=0).max() < 0.15


@pytest.mark.slow
def test_camouflage_hides_objects_from_their_colours():
    """Mean colours of objects and ground are closer than those of the full dataset."""

    def contrast(name):
        scenes = clevrtex.WORLDS[name].draw(0, 0, indices(*range(SCENES)))
        images, labels = np.asarray(scenes.images, float), np.asarray(scenes.labels)
        pairs = zip(images, labels > 0, strict=True)
        return np.mean(
            [abs(image[there].mean(0) - image[~there].mean(0)) for image, there in pairs]
        )

    assert contrast("camo") < 0.7 * contrast("full")


def test_no_two_splits_have_the_same_scenes():
    """Nor the same rooms, before whose walls other objects stand."""
    scenes = {
        split: draw(indices(*range(SCENES)), (64, 64))
        for split, draw in dataset("objects_room").draw.items()
    }
    rooms = {drawn.images[:, jnp.array([20, -1]), 0].tobytes() for drawn in scenes.values()}
    assert len(rooms) == len(scenes) == 6
    assert scenes["empty_room"].labels.max() < objects_room.BACKGROUND


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("tetrominoes", "clevr") else slow(name)
        for name, spec in DATASETS.items()
        if not spec.own
    ],
)
def test_every_dataset_but_own_images_is_drawn(name):
    scenes, fewer = load(name, "validation", 8), load(name, "validation", 5)
    assert (len(scenes), len(fewer), len(fewer.poses.position)) == (8, 5, 5)
    np.testing.assert_array_equal(fewer.images.pixels, scenes.images.pixels[:5])
    np.testing.assert_array_equal(fewer.labels, scenes[:5].labels)
    np.testing.assert_array_equal(fewer.poses.scale, scenes[:5].poses.scale)
    with pytest.raises(ValueError, match="Unknown split 'tset'.*Did you mean 'test'"):
        load(name, "tset")


def test_scenes_come_in_the_size_that_is_asked_for():
    """Ray-cast ones are drawn in it, and those made of pixels are resized."""
    small, large = (load("objects_room", "validation", 2, size=(n, n)) for n in (32, 64))
    assert small.images.pixels.shape == (2, 32, 32, 3) and small.labels.shape == (2, 32, 32)
    mean = large.images.floats().reshape(2, 32, 2, 32, 2, 3).mean(axis=(2, 4))
    assert abs(small.images.floats() - mean).mean() < 0.02
    own, twice = (load("tetrominoes", "validation", 2, size=(n, n)) for n in (35, 70))
    np.testing.assert_array_equal(twice.labels, own.labels.repeat(2, axis=1).repeat(2, axis=2))
    assert twice.images.floats().shape == (2, 70, 70, 3)


@pytest.mark.parametrize("place", [Place(16), Place(16, 3, seed=3), Place(16, 12, host=1, hosts=2)])
def test_batches_that_are_drawn_meanwhile_are_those_of_a_set_drawn_before(place):
    spec, size, count = dataset("tetrominoes"), (35, 35), 100
    before = shuffled_batches(draw_split(spec, "train", size, count).images, place)
    meanwhile = draw_batches(spec, "train", size, count=count, place=place)
    for wanted, found in zip(itertools.islice(before, 15), meanwhile, strict=False):
        np.testing.assert_array_equal(wanted.pixels, found.pixels)
    meanwhile.close()
