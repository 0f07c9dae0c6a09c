"""Linear probes: they find what is linearly there, of the objects that are found, and no more."""

import dataclasses
import itertools
import re

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from isa_eqx import ISA, coordinates
from isa_eqx.metrics import match_objects
from training import probe
from training.data import colour_and_shape, load
from training.data.procedural import tetrominoes
from training.evaluation.intervals import share_of_variance
from training.evaluation.linear import fit_classes, fit_values
from training.evaluation.probing import Objects, find_objects
from training.evaluation.probing import probe as measure
from training.evaluation.scoring import explain
from training.evaluation.truth import attributes

from ..conftest import TRAINED


def points(seed, count=300, size=5):
    """Features of different spreads, and what depends on them."""
    rng = np.random.default_rng(seed)
    z, spread = rng.normal(size=(count, size)), [10, 1, 0.1, 1, 0.01]
    y = z @ np.eye(size, 3) + rng.normal(size=(count, 3))
    return 3 + z * spread, y


def test_classes_are_fitted_as_by_scikit_learn():
    x, y = points(0)
    classes = (y + [3, 0, 0]).argmax(axis=1)
    ours = fit_classes(x, classes, 3)
    theirs = LogisticRegression(tol=1e-8, max_iter=1000).fit((x - ours.mean) / ours.spread, classes)
    np.testing.assert_allclose(ours.weight.T, theirs.coef_, atol=2e-3)
    np.testing.assert_allclose(ours.bias - ours.bias.mean(), theirs.intercept_, atol=2e-3)
    other, _ = points(1)
    assert (ours(other).argmax(axis=1) == theirs.predict((other - ours.mean) / ours.spread)).all()


def test_values_are_fitted_as_by_scikit_learn():
    x, y = points(0)
    ours = fit_values(x, y)
    theirs = Ridge(alpha=1).fit((x - ours.mean) / ours.spread, y)
    np.testing.assert_allclose(ours(x), theirs.predict((x - ours.mean) / ours.spread), rtol=1e-6)


def test_a_feature_that_never_changes_does_no_harm():
    x, y = points(0)
    still = np.column_stack([x, np.full(len(x), 7.0)])
    np.testing.assert_allclose(fit_values(still, y)(still), fit_values(x, y)(x), rtol=1e-6)


def test_every_piece_is_known_again():
    """Painted again from its colour and shape, it is what it was."""
    drawn, seen = tetrominoes.draw(0, 0, jnp.arange(80, dtype=jnp.uint32)), set()
    for image, labels in zip(*map(np.asarray, (drawn.images, drawn.labels)), strict=True):
        painted = np.zeros_like(image)
        for label in (1, 2, 3):
            colour, shape = colour_and_shape(image, labels == label)
            start = np.argwhere(labels == label).min(axis=0)
            for row, column in start + tetrominoes.CELL * tetrominoes.SHAPES[shape]:
                cell = tetrominoes.BEVEL[..., None] * tetrominoes.COLOURS[colour]
                painted[row : row + 5, column : column + 5] = cell
            seen |= {("colour", colour), ("shape", shape)}
        np.testing.assert_array_equal(painted, image)
    assert len(seen) == 6 + 19
    with pytest.raises(ValueError, match="wanted a tetromino of one colour, all of which is seen"):
        colour_and_shape(np.asarray(image), np.eye(35, dtype=bool))


def test_attributes_are_those_of_the_pixels():
    scenes = load("objects_room", "train", 3, size=(20, 16))
    found, grid = attributes(scenes, "objects_room"), coordinates(20, 16)
    for row, labels in enumerate(scenes.labels):
        image = np.asarray(scenes.images[row : row + 1].floats())[0]
        for label in np.unique(labels):
            mask = labels == label
            mean = image[mask].mean(axis=0)
            np.testing.assert_allclose(found["colour"][row, label], mean, atol=1e-5)
            centre = np.asarray(grid)[mask.ravel()].mean(axis=0)
            np.testing.assert_allclose(found["position"][row, label], centre, atol=1e-5)
    with pytest.raises(ValueError, match="wanted scenes with label maps"):
        attributes(dataclasses.replace(scenes, labels=None), "objects_room")


def objects(seed, count=200, labels=4, found=0.8):
    """Ones whose slots know the colour and whose frames know the position."""
    rng = np.random.default_rng(seed)
    colour, position = rng.integers(6, size=(count, labels)), rng.normal(size=(count, labels, 2))
    slots = np.concatenate([np.eye(6)[colour], rng.normal(size=(count, labels, 4))], axis=-1)
    overlap = np.where(rng.random((count, labels)) < found, 0.9, 0.3)
    overlap[:, 0] = np.nan
    said = {"slot": slots.astype(np.float32), "frame": (2 * position - 1).astype(np.float32)}
    return Objects(dict(colour=colour, position=position) | said, overlap)


def test_a_probe_finds_what_is_there_and_nothing_else():
    found = measure(objects(0), objects(1))
    assert np.nanmean(found["colour from slot"]) == 1
    assert share_of_variance(found["position from slot"]) < 0.05
    assert share_of_variance(found["position from frame"]) > 0.99
    assert share_of_variance(found["slot from position"]) < 0.05
    assert "shape from slot" not in found


def test_how_much_of_a_slot_is_the_position_is_told_from_whether_it_is_there():
    fitted, scored = objects(0), objects(1)
    for weight, least, most in ((0.1, 0, 0.05), (10.0, 0.95, 1)):
        for one in (fitted, scored):
            one.known["slot"][..., -2:] = weight * one.known["position"]
        found = measure(fitted, scored)
        assert share_of_variance(found["position from slot"]) > 0.99
        assert least < share_of_variance(found["slot from position"]) < most


def test_objects_that_are_not_found_do_not_count():
    fitted, scored = objects(0), objects(1)
    wanted = measure(fitted, scored)
    np.testing.assert_allclose(wanted["found"], np.nanmean(scored.overlap > 0.5, axis=1), atol=1)
    for one in (fitted, scored):
        for name in ("slot", "frame", "position"):
            one.known[name][one.overlap < 0.5] = 100.0
    for name, values in measure(fitted, scored).items():
        np.testing.assert_allclose(values, wanted[name], rtol=1e-6, err_msg=name)
    present = ~np.isnan(scored.overlap)
    share = (scored.is_found & present).sum(axis=1) / present.sum(axis=1)
    np.testing.assert_allclose(wanted["found"], share, rtol=1e-6)


def test_a_variant_without_positions_has_none_to_probe():
    fitted, scored = objects(0), objects(1)
    for one in (fitted, scored):
        del one.known["frame"]
    assert np.isnan(measure(fitted, scored)["position from frame"]).all()


def test_too_few_objects_are_said():
    with pytest.raises(ValueError, match=r"only 0 objects were found to fit a linear model of 10"):
        measure(objects(0, found=0), objects(1))


@pytest.mark.parametrize("variant", ["sa", "isa-t"])
def test_features_are_of_the_slot_that_is_matched(variant):
    model = ISA.from_pretrained(TRAINED / f"tetrominoes-{variant}")
    scenes = load("tetrominoes", "validation", 43)  # more than a batch
    found = find_objects(model, scenes, "tetrominoes", {})
    assert ("frame" in found.known) == (variant != "sa")
    out = explain(model, scenes.images[40:], np.arange(40, 43, dtype=np.uint32), np.uint32(0))
    labels = jnp.asarray(scenes.labels[40:], jnp.int32)
    slot, overlap = match_objects(labels, out.segmentation, 4, model.config.num_slots, (0,))
    np.testing.assert_allclose(found.overlap[40:], overlap)
    for row, label in itertools.product(range(3), range(1, 4)):
        chosen, place = slot[row, label], (row + 40, label)
        ours = found.known["slot"][place]
        np.testing.assert_allclose(ours, out.slots[row, chosen], rtol=1e-4, atol=1e-4)
        if variant != "sa":
            ours, frame = found.known["frame"][place], out.frames.position[row, chosen]
            np.testing.assert_allclose(ours, frame, rtol=1e-4, atol=1e-4)


def test_the_command_prints_what_slots_and_frames_of_a_trained_model_know(capsys):
    words = ["--dataset", "tetrominoes", "--train-images", "120", "--images", "40"]
    probe.main([str(TRAINED / "tetrominoes-isa-t"), *words])
    said = capsys.readouterr().out
    *_, heads, _, row, _, usual = said.splitlines()
    values = [float(cell.split()[0]) for cell in row.split("|")[2:-1]]
    scores = dict(zip([head.strip() for head in heads.split("|")[2:-1]], values, strict=True))
    assert scores["objects found"] > 0.9 and scores["colour from slot"] > 0.9
    assert scores["position from frame, R²"] > 0.95 and scores["slot from position, R²"] < 0.1
    assert re.fullmatch(r"The commonest class .* 0\.\d+ of colours and 0\.\d+ of shapes\.", usual)
    assert "120 training images, scored on those found in 40 validation images" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "tetromino"], "Unknown dataset 'tetromino'.*Did you mean 'tetrominoes'"),
        (["--dataset", "images"], "images are your own: python -m hub.mirror"),
        (["--dataset", "tetrominoes", "--images", "0"], "--images must be at least 1, got 0"),
    ],
)
def test_a_mistake_is_one_sentence(words, said):
    with pytest.raises(SystemExit, match=f"error: {said}"):
        probe.main([str(TRAINED / "tetrominoes-sa"), *words])
