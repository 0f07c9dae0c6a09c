"""Presets: the recipes by name, and what may be changed in them."""

import contextlib
import dataclasses
import itertools
import shlex

import numpy as np
import pytest

from isa_eqx import VARIANTS, ISAConfig, original, published
from training import presets
from training.arguments import parse
from training.data import load, stream_batches
from training.presets import command, preset, published_recipe
from training.runs.card import title
from training.runs.prepare import prepare
from training.step import initial_state, train_step

from ..conftest import slow


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tetromino",), "Unknown dataset 'tetromino'.*Did you mean 'tetrominoes'"),
        (("tetrominoes", "isa"), "Unknown variant 'isa'; valid ones are sa, isa-t.*'isa-t'"),
        (("tetrominoes", "sa", "qick"), "Unknown preset 'qick'.*Did you mean 'quick'"),
        (("clevr", "sa", "paper-resnet"), "Unknown preset of clevr .paper-resnet.; valid.* paper"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(arguments, message):
    with pytest.raises(ValueError, match=message):
        preset(*arguments)


def test_a_preset_takes_any_field_of_a_recipe():
    changed = preset("tetrominoes", num_rounds=2, clip_norm=1.0, loss_pixels=None)
    usual = preset("tetrominoes")
    model = dataclasses.replace(usual.model, num_rounds=2)
    assert changed == dataclasses.replace(usual, model=model, clip_norm=1.0)
    with pytest.raises(ValueError, match="Unknown field of a recipe 'step'.*Did you mean 'steps'"):
        preset("tetrominoes", step=3)


def test_the_paper_preset_is_the_published_recipe():
    config = preset("tetrominoes", "isa-t", "paper")
    assert (config.steps, config.warmup_steps, config.batch_size) == (20_000, 5_000, 64)
    assert (config.learning_rate, config.clip_norm, config.train_examples) == (4e-4, 0.05, 512)
    assert config.loss_pixels is None and config.model == ISAConfig()


@pytest.mark.parametrize("place", presets.PRESETS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_there_is_a_preset_for_every_dataset_and_variant(place, variant):
    dataset, name = place
    config = preset(dataset, variant, name)
    assert (config.dataset, config.preset, config.model.variant) == (dataset, name, variant)
    if name == "quick":
        assert config.loss_pixels and not config.model.encoder_blocks
    elif dataset != "tetrominoes":
        assert (config.steps, config.warmup_steps, config.batch_size) == (500_000, 10_000, 64)
        assert config.model.num_slots == 11
        assert bool(config.model.encoder_blocks) == (dataset == "waymo_open" or "resnet" in name)


# Every world and every variant, not each pair: one takes many seconds to compile.
@pytest.mark.parametrize(
    ("dataset", "variant"),
    [
        ("objects_room", "sa"),
        slow("tetrominoes", "isa-tsr"),
        slow("clevr", "isa-t"),
        slow("clevrtex", "isa-ts"),
        slow("multishapenet_easy", "isa-t"),
        slow("waymo_open", "isa-tsr"),
    ],
)
def test_a_quick_recipe_lowers_its_loss(dataset, variant):
    """On the images that it draws."""
    config = preset(dataset, variant, "quick", steps=20, batch_size=4, train_examples=4)
    config = dataclasses.replace(config, warmup_steps=0)
    state, losses = initial_state(config), []
    with contextlib.closing(stream_batches(config)) as batches:
        for images in itertools.islice(batches, config.steps):
            state, measured = train_step(images, state, config)
            losses.append(float(measured["loss"]))
    assert np.isfinite(losses).all() and np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_a_preset_recomputes_where_memory_binds_unless_told():
    assert preset("clevr").recompute and not preset("objects_room").recompute
    assert not preset("clevr", recompute=False).recompute


def test_a_preset_computes_in_the_dtype_it_is_told():
    assert preset("clevr").model.dtype == "float32"
    assert preset("clevr", dtype="bfloat16").model == published("clevr", dtype="bfloat16")
    with pytest.raises(ValueError, match="Unknown dtype 'bf16'.*Did you mean 'bfloat16'"):
        preset("clevr", dtype="bf16")


def test_the_command_line_reaches_the_recipe(tmp_path):
    words = "--dataset tetrominoes --preset paper --seed 3 --steps 40 --batch-size 2"
    words += " --dtype bfloat16 --recompute True --out"
    config, *_ = prepare(parse([*words.split(), str(tmp_path / "run")]))
    assert (config.model.dtype, config.recompute, config.seed) == ("bfloat16", True, 3)
    assert (config.steps, config.batch_size, config.warmup_steps) == (40, 2, 10)
    assert title(config) == "tetrominoes (procedural), isa-t, paper, bfloat16, seed 3"


@pytest.mark.parametrize("name", original.NAMES)
def test_every_published_model_has_a_command(name):
    recipe = published_recipe(name)
    assert recipe.dataset == original.architecture(name).removesuffix("_resnet")
    assert recipe.model == original.config(name)
    assert parse(shlex.split(command(recipe))[3:]).recipe == recipe


def shrunk(model):
    """The same kind of encoder and decoder, with two small layers each."""
    is_residual, is_convolutional = bool(model.encoder_blocks), bool(model.decoder_strides)
    changes = dict(image_size=(16, 16), num_slots=2, slot_size=4, num_rounds=1, hidden_size=4)
    changes |= dict(encoder_channels=(32, 32) if is_residual else (4, 4), encoder_strides=(1, 2))
    changes |= dict(encoder_blocks=(1, 1) if is_residual else ())
    changes |= dict(decoder_channels=(4, 4), decoder_strides=(2, 1) if is_convolutional else ())
    return dataclasses.replace(model, **changes)


SHRUNK = {shrunk(original.config(name)): name for name in original.NAMES}  # many become the same
# Both encoders and both decoders, the least and the most symmetry.
FEW = "tetrominoes_sa", "wo_isa_trs"


@pytest.mark.parametrize("name", [name if name in FEW else slow(name) for name in SHRUNK.values()])
def test_every_published_model_trains(name):
    config = dataclasses.replace(
        published_recipe(name), model=shrunk(original.config(name)), steps=4, warmup_steps=0,
        batch_size=2, train_examples=2, learning_rate=1e-3,
    )  # fmt: skip
    images = load("tetrominoes", "train", 2, size=config.model.image_size).images
    state, losses = initial_state(config), []
    for _ in range(config.steps):
        state, measured = train_step(images, state, config)
        losses.append(float(measured["loss"]))
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_the_table_of_presets_names_every_command():
    printed = "\n".join(presets.describe(*place) for place in presets.PRESETS)
    for dataset, name in presets.PRESETS:
        assert f"--dataset {dataset} --preset {name} --variant" in printed
    assert "896,708 parameters" in printed and "22,037,060 (sa) or 21,919,684" in printed


def test_so_does_what_they_are_on_features():
    for name in ("quick", "paper"):
        printed = presets.describe("images", name, presets.USUAL_BACKBONE)
        assert f"--backbone {presets.USUAL_BACKBONE} --preset {name} --variant" in printed
        assert "features of 16×16 patches" in printed


def test_fewer_steps_keep_the_shape_of_the_schedule():
    assert preset("tetrominoes", steps=200).warmup_steps == 50
