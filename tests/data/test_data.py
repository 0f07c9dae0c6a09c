"""What training and scoring see of a mirror is what the release holds, cut and resized."""

import itertools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hub.mirror import FolderTarget, make_row, mirror
from isa_eqx import published
from training.data import DATASETS, Resize, load, stream_batches
from training.data.cropping import largest_objects
from training.data.loading import RowDecoder, cache_split, make_row_decoder
from training.data.mirrored import open_mirror
from training.data.stream import read_rows
from training.presets import preset

from ..releases import RELEASES

pytestmark = pytest.mark.quick

CUT = {
    "clevr": np.s_[29:221, 64:256],
    "clevrtex": np.s_[24:216, 64:256],
    "multishapenet_easy": np.s_[:, 40:280],
}


@pytest.fixture(scope="module")
def mirrors(released, tmp_path_factory):
    """By the name of the release: dataset, folder, split, and what is to be seen of each row."""
    made = {}

    def get(name):
        dataset, split, source, images, labels = released[name]
        if name not in made:
            made[name] = tmp_path_factory.mktemp("mirror")
            mirror(dataset, [source], FolderTarget(made[name]))
        cut = CUT.get(dataset, np.s_[:, :])
        images = [image[cut] for image in images]
        labels = [None if label is None else label[cut].astype(np.uint8) for label in labels]
        return dataset, str(made[name]), split, images, labels

    return get


@pytest.mark.parametrize("name", RELEASES)
def test_at_its_own_size_a_scene_is_that_of_the_source(mirrors, name):
    dataset, folder, split, images, labels = mirrors(name)
    found = open_mirror(folder, dataset)
    read = make_row_decoder(found, split, images[0].shape[:2])
    for scene, image, label in zip(read_rows(found, split), images, labels, strict=True):
        np.testing.assert_array_equal(read.image(scene), image)
        if label is not None and dataset != "waymo_open":
            np.testing.assert_array_equal(read.labels(scene), label)


@pytest.mark.parametrize("name", [name for name in RELEASES if "waymo" not in name])
def test_as_published_it_is_resized_without_antialias(mirrors, name):
    dataset, folder, split, images, labels = mirrors(name)
    size = published(dataset).image_size
    scenes = load(dataset, split, data=folder)
    expected = jax.image.resize(
        jnp.asarray(np.stack(images), jnp.float32) / 255,
        (len(images), *size, 3),
        "linear",
        antialias=False,
    )
    assert scenes.images.pixels.dtype == scenes.labels.dtype == np.uint8
    np.testing.assert_allclose(scenes.images.floats(), expected, rtol=0, atol=1e-5)
    chosen = [(np.arange(n) + 0.5) * old / n for n, old in zip(size, labels[0].shape, strict=True)]
    rows, columns = (places.astype(int) for places in chosen)
    np.testing.assert_array_equal(scenes.labels, np.stack(labels)[:, rows[:, None], columns])


def test_waymo_is_scored_on_its_largest_objects_where_it_has_labels(mirrors):
    labels = np.zeros((20, 30), np.uint8)
    labels[2:9, 3:20], labels[12:16, 10:18], labels[0, 0] = 200, 9, 7
    read = RowDecoder("here", DATASETS["waymo_open"], Resize((20, 30), (20, 30)))
    found = read.labels(make_row(0, np.zeros((20, 30, 3), np.uint8), labels))
    np.testing.assert_array_equal(found, 1 * (labels == 9) + 2 * (labels == 200))
    name, folder, split, _, known = mirrors("waymo v2")
    assert [label is None for label in known] == [False, True, False, True]
    with pytest.raises(ValueError, match="split train, index 1: it has no mask"):
        load(name, split, data=folder)


def test_small_objects_and_those_after_the_eleventh_become_background():
    sizes = [100, 99, 150, 120, 110, 130, 140, 101, 102, 103, 104, 105, 106, 107]
    labels = np.zeros(10_000, np.uint8)
    ends = 500 + np.cumsum(sizes)
    for number, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        labels[end - size : end] = 3 * number + 7
    np.random.default_rng(0).shuffle(labels)
    found = largest_objects(labels.reshape(100, 100)).reshape(-1)
    # 99 pixels are less than a hundredth; of the thirteen others 100 and 101 are the smallest.
    kept = [3 * number + 7 for number, size in enumerate(sizes) if size > 101]
    assert len(kept) == 11
    for name, label in enumerate(kept, start=1):
        np.testing.assert_array_equal(found == name, labels == label)
    assert np.array_equal(found == 0, ~np.isin(labels, kept))
    assert largest_objects(np.full((4, 5), 200, np.uint8)).max() == 1


def configured(tetrominoes, **changes):
    how = dict(data=str(tetrominoes), batch_size=5) | changes
    return preset("tetrominoes", "isa-t", "quick", **how)


@pytest.mark.parametrize("cache", [False, True])
def test_batches_go_on_from_any_step(tetrominoes, cache):
    config = configured(tetrominoes, cache=cache)
    whole = list(itertools.islice(stream_batches(config), 9))
    for step in range(1, 9):
        following = itertools.islice(stream_batches(config, step), 9 - step)
        for images, other in zip(whole[step:], following, strict=True):
            np.testing.assert_array_equal(images.pixels, other.pixels)


def test_every_image_once_an_epoch_cached_or_streamed(tetrominoes):
    first = load("tetrominoes", "train", 11, data=str(tetrominoes)).images.pixels
    expected = sorted(image.tobytes() for image in first)
    for cache in (False, True):
        found = stream_batches(
            configured(tetrominoes, batch_size=1, train_examples=11, cache=cache)
        )
        pixels = [np.asarray(images.pixels).tobytes() for images in itertools.islice(found, 22)]
        assert sorted(pixels[:11]) == sorted(pixels[11:]) == expected
        assert pixels[:11] != pixels[11:]


def test_the_seed_orders_the_images(tetrominoes):
    def drawn(seed):
        return next(stream_batches(configured(tetrominoes, seed=seed))).pixels

    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert not np.array_equal(drawn(0), drawn(1))


def test_to_stop_taking_batches_leaves_no_thread(tetrominoes):
    before = threading.active_count()
    found = stream_batches(configured(tetrominoes))
    next(found)
    found.close()
    assert threading.active_count() == before


def test_a_cache_holds_what_is_looked_at_of_each_image(tetrominoes):
    found = open_mirror(str(tetrominoes), "tetrominoes")
    images = cache_split(found, "train", (35, 35), 4)
    assert len(images) == 4 and images.pixels.dtype == np.uint8
    np.testing.assert_array_equal(
        images.pixels, load("tetrominoes", "train", 4, data=str(tetrominoes)).images.pixels
    )
