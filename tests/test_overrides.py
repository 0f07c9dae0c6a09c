"""Every field of a recipe can be given as text, and comes back from it."""

import dataclasses

import pytest

from isa_eqx import ISAConfig
from training.arguments import (
    Arguments,
    ComputeOptions,
    DataOptions,
    OutputOptions,
    RecipeOptions,
)
from training.config import TrainConfig
from training.overrides import format_override, override_types, parse_override
from training.presets import PRESETS, preset


@pytest.mark.parametrize("place", PRESETS, ids=", ".join)
def test_a_field_comes_back_from_its_text(place):
    dataset, name = place
    config = preset(dataset, name=name)
    for kind, fields in ((TrainConfig, config), (ISAConfig, config.model)):
        for field in override_types(kind):
            value = getattr(fields, field)
            came = parse_override(format_override(field, value))
            assert came == (field, value) and type(came[1]) is type(value)


def test_all_fields_but_names_of_presets_can_be_overridden():
    """A new field of a configuration needs no other place."""
    names = {f.name for kind in (TrainConfig, ISAConfig) for f in dataclasses.fields(kind)}
    known = override_types(TrainConfig) | override_types(ISAConfig)
    assert names - set(known) == {"dataset", "preset", "variant", "model"}


def test_a_string_needs_no_quotes():
    assert parse_override("dtype=bfloat16") == parse_override('dtype="bfloat16"')


def test_a_whole_number_is_a_float_where_one_is_wanted():
    name, value = parse_override("mixing=1")
    assert (name, value) == ("mixing", 1.0) and type(value) is float


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "learning_rate",
            "--set takes FIELD=VALUE, such as learning_rate=4e-4, got 'learning_rate'",
        ),
        ("learning_rat=1", "learning_rate"),
        ("num_slots=seven", "num_slots must be of type int, got 'seven'"),
        ("num_slots=true", "num_slots must be of type int, got 'true'"),
        ("recompute=1", "recompute must be of type bool, got '1'"),
        ("loss_pixels=0.5", "loss_pixels must be of type int | None, got '0.5'"),
        ("decoder_channels=8", "decoder_channels must be of type"),
    ],
)
def test_a_wrong_value_is_said(text, said):
    with pytest.raises(ValueError) as error:
        parse_override(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rate=0", "learning_rate must be above 0, got 0.0"),
        ("clip_norm=NaN", "clip_norm must be above 0, got nan"),
        ("mixing=-1", "mixing must be at least 0, got -1.0"),
        ("ownership=Infinity", "ownership must be at least 0, got inf"),
        ("warmup_steps=-1", "warmup_steps must be at least 0, got -1"),
        ("loss_pixels=0", "loss_pixels must be at least 1, got 0"),
        ("num_rounds=0", "num_rounds must be whole numbers from 1"),
        ("image_size=[35]", r"image_size must be \(height, width\), got \(35,\)"),
        ("decoder_channels=[8, null]", "decoder_channels must be a list of whole numbers"),
    ],
)
def test_a_value_out_of_range_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        preset("tetrominoes", **dict([parse_override(text)]))


def test_what_has_an_option_of_its_own_is_not_set_twice():
    recipe = RecipeOptions(set=("steps=5",))
    arguments = Arguments(DataOptions("tetrominoes"), recipe, ComputeOptions(), OutputOptions())
    with pytest.raises(ValueError, match="--set does not take steps, which has an option"):
        arguments.overrides()
