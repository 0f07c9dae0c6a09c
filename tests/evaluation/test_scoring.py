"""Scores: against scikit-learn, image by image, with the background counted or not."""

import dataclasses
from unittest import mock

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from training.data import DATASETS, load
from training.evaluation import scoring
from training.step import initial_state

from ..conftest import other_settings
from ..laws import assert_close
from ..tiny import TINY


@pytest.fixture(scope="module")
def scenes():
    return load("tetrominoes", "validation", 7)


def scores(scenes, predicted, error=0.0):
    """Of a model that says this of every pixel."""

    def explain(model, images, places, seed, masks, mesh):
        assert (images.pixels == scenes.images.pixels[places % len(scenes)]).all()
        return predicted[places % len(scenes)], jnp.full(len(images), error)

    with mock.patch.object(scoring, "_explain", explain), mock.patch.object(scoring, "BATCH", 3):
        return scoring.evaluate(initial_state(TINY).model, scenes, "tetrominoes")[0]


def test_scores_are_the_means_of_scikit_learns(scenes):
    predicted = np.random.default_rng(0).integers(0, 4, scenes.labels.shape)
    predicted = np.where(np.random.default_rng(1).random(predicted.shape) < 0.7, 3, predicted)
    predicted = np.where(predicted == 3, scenes.labels, predicted).astype(np.int32)
    found = scores(scenes, jnp.asarray(predicted), 0.25)
    pairs = list(zip(scenes.labels, predicted, strict=True))
    ari = [adjusted_rand_score(t.ravel(), p.ravel()) for t, p in pairs]
    fg_ari = [adjusted_rand_score(t[t > 0], p[t > 0]) for t, p in pairs]
    np.testing.assert_allclose(found["ari"], np.mean(ari), rtol=1e-5)
    np.testing.assert_allclose(found["fg_ari"], np.mean(fg_ari), rtol=1e-5)
    assert found["mse"] == 0.25


def test_images_are_explained_one_after_another_as_they_would_be_together(scenes):
    model, places = initial_state(TINY).model, np.arange(7, dtype=np.uint32)
    ours = scoring.explain(model, scenes.images, places, np.uint32(3))
    keys = jax.vmap(lambda place: jr.fold_in(jr.key(3), place))(places)
    together = jax.vmap(lambda image, key: model(image, key=key))(scenes.images.floats(), keys)
    assert_close(ours, together, 1e-5)


def test_the_background_counts_in_ari_alone(scenes):
    """A background in stripes costs nothing in FG-ARI; a piece cut in two does."""
    striped = np.where(scenes.labels == 0, np.arange(35)[:, None] % 2 * 3, scenes.labels)
    found = scores(scenes, jnp.asarray(striped, jnp.int32))
    assert found["fg_ari"] == 1 and found["ari"] < 0.8
    cut = np.where((scenes.labels == 1) & (np.arange(35) % 2 == 0), 0, scenes.labels)
    assert scores(scenes, jnp.asarray(cut, jnp.int32))["fg_ari"] < 0.95


def test_what_is_left_out_is_what_the_catalogue_says(scenes):
    other = dataclasses.replace(DATASETS["tetrominoes"], background=(0, 1))
    cut = np.where((scenes.labels == 1) & (np.arange(35) % 2 == 0), 0, scenes.labels)
    with mock.patch.dict(DATASETS, tetrominoes=other):
        assert scores(scenes, jnp.asarray(cut, jnp.int32))["fg_ari"] == 1


def test_a_scene_is_scored_with_the_same_frames_every_time_and_its_own_picture(scenes):
    model, images = initial_state(TINY).model, scenes.images.floats()
    first, again = (scoring.evaluate(model, scenes, "tetrominoes")[0] for _ in range(2))
    assert first == again
    keys = jax.vmap(lambda place: jax.random.fold_in(jax.random.key(0), place))(jnp.arange(7))
    out = jax.jit(jax.vmap(lambda image, k: model(image, key=k)))(images, keys)
    error = jnp.square(out.reconstruction - images).mean()
    np.testing.assert_allclose(first["mse"], error, rtol=1e-5)
    wanted = [
        adjusted_rand_score(t.ravel(), np.asarray(p).ravel())
        for t, p in zip(scenes.labels, out.segmentation, strict=True)
    ]
    np.testing.assert_allclose(first["ari"], np.mean(wanted), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_scores_do_not_depend_on_settings_of_jax(scenes):
    """Nor is the NaN of an image without objects an error where errors are looked for."""
    empty = dataclasses.replace(scenes[:2], labels=np.zeros_like(scenes.labels[:2]))
    model = initial_state(TINY).model
    wanted = scoring.score(model, empty, "tetrominoes")
    with other_settings(), jax.debug_nans(True):
        found = scoring.score(model, empty, "tetrominoes")
    assert np.isnan(wanted.scores["miou"]).all()
    for name, values in wanted.scores.items():
        np.testing.assert_array_equal(found.scores[name], values)
