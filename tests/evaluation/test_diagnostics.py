"""What is said of slots: of segmentations that are made to bind, to tile or to merge."""

import numpy as np
import pytest

from training.data import load
from training.evaluation.diagnostics import diagnose, warning

pytestmark = pytest.mark.quick

SLOTS, IMAGES = 5, 12


@pytest.fixture(scope="module")
def labels():
    """Of scenes with a background, label 0, and three pieces."""
    return load("tetrominoes", "validation", IMAGES).labels


def measured(segmentations, labels):
    found = diagnose(segmentations.astype(np.int32), SLOTS, labels, (0,))
    return found, warning(found)


def test_slots_that_are_the_objects_are_not_warned_of(labels):
    found, said = measured(labels, labels)
    assert said is None and found["merged"] == 0 and found["slots_used"] == 4
    assert found["dead_slots"] == 1  # of five slots, for a background and three pieces
    assert found["largest_share"] == pytest.approx((labels == 0).mean((1, 2)).mean())
    assert found["tiling"] < 0.4


@pytest.mark.parametrize("moved", [False, True])
def test_slots_that_divide_the_image_are_said_to_tile_it(labels, moved):
    """Stripes, at the same places in every image, or in another order of slots in each."""
    stripes = np.broadcast_to(np.arange(35) // 7, labels.shape).copy()
    if moved:
        orders = [np.random.default_rng(n).permutation(SLOTS) for n in range(IMAGES)]
        stripes = np.stack([order[stripe] for order, stripe in zip(orders, stripes, strict=True)])
    found, said = measured(stripes, labels)
    assert found["tiling"] == pytest.approx(1) and "tiles" in said
    assert (found["centre_spread"] < 1e-6) != moved


def test_a_slot_that_holds_all_is_said_to(labels):
    found, said = measured(np.zeros_like(labels), labels)
    assert found["merged"] == found["largest_share"] == 1 and found["dead_slots"] == 4
    assert "100% of the objects" in said and found["tiling"] == 0


def test_of_two_pieces_in_the_background_their_share_is_measured(labels):
    found, said = measured(np.where(labels == 3, 3, 0), labels)
    assert found["merged"] == pytest.approx(np.isin(labels, (1, 2)).sum() / (labels > 0).sum())
    assert said is not None


def test_without_labels_of_a_background_nothing_is_said_of_it(labels):
    assert "merged" not in diagnose(labels.astype(np.int32), SLOTS, labels, ())


def test_the_centre_of_a_slot_moves_with_it():
    """A pixel that is at opposite places in two images is at a distance of 1 from its mean."""
    segmentations = np.zeros((2, 5, 5), np.int32)
    segmentations[0, 2, 0] = segmentations[1, 2, 4] = 1
    spread = diagnose(segmentations, 2, segmentations.astype(np.uint8), (0,))["centre_spread"]
    rest = 1 / 24  # the background's centre moves the other way
    assert spread == pytest.approx(np.sqrt((1 + rest**2) / 2), rel=1e-5)
