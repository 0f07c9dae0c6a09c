"""The laws have teeth: whatever is broken in one way, the law beside it notices."""

import inspect
from unittest import mock

import jax
import pytest

from isa_eqx import ISA, ISAConfig
from isa_eqx.attention import SlotAttention
from isa_eqx.symmetries import NoSymmetry, Symmetry, TranslationScale

from .. import broken, strategies
from ..conftest import MODELS, filled, slot_attention
from ..handmade import PIXELWISE, handmade
from . import test_conservation as conservation
from . import test_equivariance as equivariance
from . import test_exchangeability as exchangeability
from . import test_metrics as metrics
from . import test_moved_objects as objects
from . import test_numbers as numbers
from . import test_round_trips as round_trips

CAUGHT = [
    # These are not broken: they are variants, held to more than they know.
    (NoSymmetry, equivariance.test_a_frame_that_moves_with_the_grid_sees_the_same),
    (NoSymmetry, equivariance.test_an_estimated_frame_moves_with_the_grid),
    (NoSymmetry, equivariance.test_a_scene_that_moves_with_its_frames_is_the_same_scene),
    (broken.OnlyShifts, equivariance.test_a_frame_that_moves_with_the_grid_sees_the_same),
    (broken.OnlyScales, equivariance.test_a_frame_that_moves_with_the_grid_sees_the_same),
    (broken.TurnsAndTwoFactors, equivariance.test_an_estimated_frame_moves_with_the_grid),
    # These are.
    (broken.AbsoluteGrid, equivariance.test_a_frame_that_moves_with_the_grid_sees_the_same),
    (broken.AbsoluteGrid, equivariance.test_a_scene_that_moves_with_its_frames_is_the_same_scene),
    (broken.HalfWay, equivariance.test_a_frame_undoes_the_move_that_made_it),
    (broken.ScaledBeforeTurned, equivariance.test_a_frame_that_moves_with_the_grid_sees_the_same),
    (broken.AxesSwapped, equivariance.test_a_frame_undoes_the_move_that_made_it),
    (broken.SpreadAroundTheImage, equivariance.test_an_estimated_frame_moves_with_the_grid),
    (broken.NotNormalised, equivariance.test_a_scene_that_moves_with_its_frames_is_the_same_scene),
    (broken.PositionInFeatures, objects.test_an_object_that_moves_in_the_image_is_the_same_object),
    (broken.PictureOnTheImagesGrid, objects.test_a_slot_paints_the_same_wherever_its_frame_is),
    (broken.PictureOnTheImagesGrid, objects.test_a_frame_that_moves_moves_its_picture),
    (broken.PictureInAnothersFrame, objects.test_a_frame_that_moves_changes_no_other_slots_picture),
    (broken.AnothersFrame, exchangeability.test_slots_in_another_order_attend_alike),
    (broken.FirstSlotPreferred, exchangeability.test_slots_in_another_order_attend_alike),
    (broken.FirstPixelPreferred, exchangeability.test_pixels_in_another_order_are_the_same_scene),
    (broken.NotNormalised, exchangeability.test_pixels_that_are_seen_twice_count_once),
    (broken.FramesIgnored, exchangeability.test_slots_in_another_order_paint_the_same_picture),
    (broken.SoftmaxOverPixels, conservation.test_every_pixel_is_shared_out),
    (broken.LongerAxisFirst, conservation.test_every_frame_is_one),
    (broken.LastRoundDropped, conservation.test_the_frames_are_of_the_attention_that_is_returned),
    (broken.MasksOverPixels, conservation.test_every_pixel_of_the_picture_is_shared_out),
    (broken.plain_rand_index, metrics.test_chance_scores_nothing),
    (broken.accuracy, metrics.test_names_of_labels_mean_nothing),
    (broken.purity, metrics.test_ari_is_symmetric),
    (broken.prediction_ignored, metrics.test_ignored_labels_do_not_count),
    (
        broken.prediction_ignored,
        metrics.test_what_is_predicted_where_labels_are_ignored_does_not_count,
    ),
    (broken.PictureKnowsTheImage, round_trips.test_slots_and_frames_are_all_that_is_decoded),
    (broken.SlopeOfARoot, numbers.test_slopes_are_finite_for_every_mask),
    (broken.AxesByDivision, numbers.test_slopes_are_finite_for_every_mask),
    (broken.ImageStandardised, numbers.test_slopes_are_finite_for_every_image),
    (broken.PictureInBfloat16, numbers.test_float32_is_float64_but_for_its_rounding),
    (broken.FramesDrawnWhenTraced, numbers.test_a_batch_is_its_images_one_by_one),
]


@pytest.mark.parametrize(("broken", "law"), CAUGHT, ids=lambda thing: thing.__name__)
def test_what_is_broken_is_caught(broken, law):
    (argument,) = inspect.signature(law).parameters
    with pytest.raises(AssertionError):
        law.hunted(**{argument: made(broken, argument)})


def made(broken, argument):
    """The broken thing as a law takes it; a symmetry or an attention as part of a whole one."""
    if not inspect.isclass(broken):
        return broken
    if issubclass(broken, ISA):
        maker, fields = (handmade, PIXELWISE) if argument == "model" else (filled, MODELS["isa-ts"])
        return maker(ISAConfig(**fields | dict(variant="isa-ts")), broken)
    if issubclass(broken, SlotAttention):
        return slot_attention(TranslationScale(), broken)
    assert issubclass(broken, Symmetry)
    return broken() if argument == "kind" else slot_attention(broken())


@pytest.mark.parametrize(
    "law",
    [
        equivariance.test_moving_twice_is_moving_by_the_composition,
        equivariance.test_a_frame_undoes_the_move_that_made_it,
        equivariance.test_an_estimated_frame_moves_with_the_grid,
    ],
)
def test_frames_that_move_in_another_order_are_caught(law):
    wrong = jax.jit(broken.scaled_after_shifted)
    with mock.patch.object(strategies, "moved", wrong), pytest.raises(AssertionError):
        law.hunted(kind=TranslationScale())


@pytest.mark.parametrize(
    ("changed", "law"),
    [
        ({"relative_values": True}, round_trips.test_a_config_survives_json),
        ({"hidden_size": 9}, round_trips.test_a_model_survives_a_folder),
    ],
)
def test_a_field_that_gets_lost_is_caught(changed, law):
    whole = ISAConfig.to_dict
    with (
        mock.patch.object(ISAConfig, "to_dict", lambda config: whole(config) | changed),
        pytest.raises((AssertionError, ValueError)),
    ):
        law.hunted()
