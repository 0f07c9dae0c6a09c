"""Pictures: what they show is where it should be."""

import dataclasses
import json
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.figure import Figure

from isa_eqx import ISAConfig
from isa_eqx.frames import identity
from isa_eqx.grid import rotation_matrix
from training.data import load
from training.runs import pictures
from training.step import initial_state

from ..tiny import TINY

HEIGHT, WIDTH = 11, 21  # so that a unit is five pixels downwards and ten to the right


def lines(variant, **fields):
    """The (x, y) pixels of the cross that is drawn for a frame."""
    frame = jax.tree.map(lambda x: np.asarray(x[0]), dataclasses.replace(identity(1), **fields))
    axis = Figure().subplots()
    axis.imshow(np.zeros((HEIGHT, WIDTH)))
    pictures._draw_frame(axis, frame, ISAConfig(variant=variant, image_size=(HEIGHT, WIDTH)))
    return [np.asarray(line.get_xydata()) for line in axis.lines]


PLACE = jnp.array([[-0.6, 0.5]])  # two pixels from the top, a quarter from the right


@pytest.mark.quick
def test_a_cross_marks_the_position():
    (mark,) = lines("isa-t", position=PLACE)
    np.testing.assert_allclose(mark, [[15, 2]], atol=1e-5)
    assert lines("sa", position=PLACE) == []


def test_a_cross_reaches_as_far_as_the_scale_along_its_axis():
    along_x, along_y = lines("isa-ts", position=PLACE, scale=jnp.array([[0.2, 0.3]]))
    np.testing.assert_allclose(along_x, [[12, 2], [18, 2]], atol=1e-5)
    np.testing.assert_allclose(along_y, [[15, 1], [15, 3]], atol=1e-5)


@pytest.mark.quick
def test_a_cross_turns_from_x_towards_y():
    turned = dict(rotation=rotation_matrix(jnp.array([np.pi / 6])))
    along_x, along_y = lines("isa-tsr", scale=jnp.array([[0.2, 0.4]]), **turned)
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    np.testing.assert_allclose(along_x[1], [10 + 4 * cos, 5 + 2 * sin], atol=1e-5)
    np.testing.assert_allclose(along_y[1], [10 - 2 * sin, 5 + 1 * cos], atol=1e-5)


@pytest.fixture
def panels(tmp_path):
    """Title, picture and border of every panel of the first scenes, by row and column."""
    scenes, model = load("tetrominoes", "validation", 8), initial_state(TINY).model
    drawn = []

    def save(figure, path, **kind):
        drawn.append(figure)

    with mock.patch.object(Figure, "savefig", save):
        pictures.draw_samples(model, scenes, tmp_path / "samples.png", "a title", np.arange(2))
    (figure,) = drawn
    out = jax.jit(jax.vmap(lambda image, key: model(image, key=key)))(
        scenes.images.floats()[:2], jax.random.split(jax.random.key(0), 2)
    )
    return figure, np.reshape(figure.axes, (2, 8)), scenes, out


def test_samples_show_what_their_titles_say(panels):
    figure, axes, scenes, out = panels
    assert figure.get_suptitle() == "a title"
    titles = [axis.get_title() for axis in axes[0]]
    assert titles == ["input", "reconstruction", "predicted", "true"] + [
        f"slot {k}" for k in range(4)
    ]
    for row in range(2):
        shown = [np.asarray(axis.images[0].get_array()) for axis in axes[row]]
        wanted = [scenes.images.floats()[row], out.reconstruction[row]]
        wanted += list(out.masks[row][..., None] * out.slot_reconstructions[row])
        for picture, other in zip(shown[:2] + shown[4:], wanted, strict=True):
            np.testing.assert_allclose(picture, np.clip(other, 0, 1), atol=1e-5)
        for picture, labels in ((shown[2], out.segmentation[row]), (shown[3], scenes.labels[row])):
            both = np.concatenate([np.asarray(labels)[..., None], picture], axis=-1).reshape(-1, 4)
            assert len(np.unique(both, axis=0)) == len(np.unique(labels))  # a colour for a label


def test_a_slots_border_and_its_segment_have_one_colour(panels):
    from matplotlib.colors import to_rgb

    _, axes, _, out = panels
    predicted = np.asarray(axes[0, 2].images[0].get_array())
    for slot in np.unique(out.segmentation[0]):
        border = to_rgb(axes[0, 4 + slot].spines["left"].get_edgecolor())
        np.testing.assert_allclose(predicted[np.asarray(out.segmentation[0]) == slot][0], border)


def test_true_labels_take_the_colour_of_the_slot_that_overlaps_them_most():
    true = np.array([[0, 0, 0, 1, 1, 2]])
    predicted = np.array([[2, 2, 2, 0, 0, 1]])
    np.testing.assert_array_equal(pictures._matched(true, predicted), predicted)


@pytest.mark.quick
def test_a_curve_shows_the_metrics_by_step(tmp_path):
    records = [{"step": 10, "loss": 4.0}, {"step": 20, "loss": 2.0, "gradient_norm": 1.0}]
    records += [{"step": 20, "validation_fg_ari": 0.5, "validation_ari": 0.25}]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with mock.patch.object(pictures, "save_plot") as save:
        pictures.draw_curve(path, tmp_path / "curve.png", "a title")
    figure = save.call_args.args[0]
    left, right = figure.axes
    np.testing.assert_array_equal(left.lines[0].get_xydata(), [[10, 4], [20, 2]])
    shown = {line.get_label(): line.get_xydata().tolist() for line in right.lines}
    assert shown == {"FG-ARI": [[20, 0.5]], "ARI": [[20, 0.25]]}
