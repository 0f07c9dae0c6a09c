"""Every field of a recipe is an option, and the command on a card repeats all of them."""

import dataclasses
import re
import shlex

import pytest

from isa_eqx import VARIANTS, ISAConfig
from isa_eqx.config_checks import OF_BACKBONE
from training.arguments import parse, resume_command
from training.config import TrainConfig
from training.presets import PRESETS, preset
from training.presets.command_line import command, options
from training.runs.prepare import explain_quick

pytestmark = pytest.mark.quick

OTHER = dict(
    init="user/isa@main", init_partial=("decoder", "initial_slots"), init_sha256="0" * 64,
    subset="clevr6", data="user/mirror@main", cache=True, seed=3, data_seed=5, steps=77,
    batch_size=8, accumulate=2, train_examples=99, learning_rate=2e-5, warmup_steps=5,
    clip_norm=1.0, loss_pixels=7, gradient_scale=0.25, recompute=False, mixing=0.5,
    shading=1e-7, ownership=2.0,
    image_size=(48, 96), num_slots=7, slot_size=6, num_rounds=2, hidden_size=5,
    encoder_channels=(3, 4), encoder_strides=(2, 2), encoder_blocks=(), decoder_channels=(9, 8),
    decoder_strides=(), dtype="bfloat16", relative_values=False, learnt_grid=True,
)  # fmt: skip


def recipe(words):
    return parse(shlex.split(words)).recipe


def test_every_field_has_an_option():
    """A new field of a configuration needs no other place."""
    usual, changed = preset("clevr", name="quick"), preset("clevr", name="quick", **OTHER)
    names = {f.name for kind in (TrainConfig, ISAConfig) for f in dataclasses.fields(kind)}
    of_features = {"target", *OF_BACKBONE}  # of which a preset has all or none
    assert names - OTHER.keys() == {"dataset", "preset", "variant", "model", *of_features}
    words = ["--dataset", "clevr", "--preset", "quick", *options(changed, usual)]
    assert parse(words).recipe == changed


@pytest.mark.parametrize("place", PRESETS, ids=", ".join)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_command_of_a_preset_repeats_it(place, variant):
    dataset, name = place
    for steps in ({}, {"steps": 123}):
        config = preset(dataset, variant, name, **steps)
        words = shlex.split(command(config))
        assert words[:3] == ["python", "-m", "training.run"] and len(words) <= 13
        assert parse(words[3:]).recipe == config


@pytest.mark.parametrize("name", OTHER)
def test_a_changed_field_is_in_the_command(name):
    layers = "encoder_channels", "encoder_strides", "decoder_channels", "decoder_strides"
    together = (layers, ("init", "init_partial", "init_sha256"))
    group = next(([*names] for names in together if name in names), [name])
    config = preset("clevr", name="quick", **{name: OTHER[name] for name in group})
    assert parse(shlex.split(command(config))[3:]).recipe == config


def test_the_defaults_are_those_of_the_preset(capsys):
    with pytest.raises(SystemExit):
        recipe("--dataset clevr --preset paper --steps 1000 --help")
    shown = " ".join(capsys.readouterr().out.split())
    for default in ("(default: clevr)", "(default: 1000)", "(default: 20)", "(default: 2 2 2 1)"):
        assert default in shown
    assert "isa-ts and scale, isa-tsr and rotation" in shown  # from the dataclass


def test_the_larger_encoder_fits_every_preset_and_is_in_its_command():
    for dataset, name in PRESETS:
        config = recipe(f"--dataset {dataset} --preset {name} --encoder resnet")
        assert config.model.encoder_blocks == (3, 4, 6, 3)
        assert config.model.encoder_channels == (64, 128, 256, 512)
        assert parse(shlex.split(command(config))[3:]).recipe == config
    paper = preset("clevrtex", name="paper-resnet")
    assert recipe("--dataset clevrtex --preset paper --encoder resnet").model == paper.model


def test_several_numbers_may_be_joined_by_commas():
    joined = recipe("--dataset clevr --image-size 64,48 --encoder-channels 4,5,6 --seed 3")
    apart = recipe("--dataset clevr --image-size 64 48 --encoder-channels 4 5 6 --seed 3")
    assert joined == apart and joined.model.image_size == (64, 48)


def test_the_warm_up_keeps_its_share_of_the_steps_unless_it_is_given():
    assert recipe("--dataset clevr --preset paper --steps 1000").warmup_steps == 20
    assert recipe("--dataset clevr --preset paper --steps=1000").warmup_steps == 20
    words = "--dataset clevr --preset paper --steps 1000 --warmup-steps 10000"
    assert recipe(words).warmup_steps == 10_000


@pytest.mark.parametrize(
    ("words", "resume"),
    [
        ("", "no"),
        ("--resume", "yes"),
        ("--resume --seed 3", "yes"),
        ("--resume yes --seed 3", "yes"),
        ("--seed 3 --resume auto", "auto"),
        ("--resume=auto --seed 3", "auto"),
        ("--resume no", "no"),
    ],
)
def test_the_command_that_resumes_a_run_is_the_one_that_began_it(monkeypatch, words, resume):
    typed = ["--dataset", "clevr", *words.split()]
    assert parse(typed).output.resume == resume
    monkeypatch.setattr("sys.argv", ["run.py", *typed])
    seed = " --seed 3" if "--seed" in words else ""
    assert resume_command() == f"python -m training.run --dataset clevr{seed} --resume"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--dataset clevr --num-slots seven", "--num-slots: .*'seven'"),
        ("--dataset clevr --steps many", "--steps: .*'many'"),
        ("--dataset clevr --distributed --hosts two", "--hosts: invalid int value: 'two'"),
        ("--dataset clevr --resume ato", "'ato' for argument.*--resume"),
        ("--dataset clevr --tracker mlflow", "'mlflow' for argument.*--tracker"),
        ("--dataset clevr --recompute 1", "'1' for argument '--recompute'"),
        ("--dataset clevr --loss-pixels 0.5", "--loss-pixels.*0.5"),
        ("--dataset clevr --image-size 35", "'--image-size'. Expected 2 values"),
        ("--dataset clevr --learning-rat 1", "Perhaps you meant.*--learning-rate"),
        ("--dataset clevr --learning-rate 0", "learning_rate must be above 0, got 0.0"),
        ("--dataset clevr --clip-norm nan", "clip_norm must be above 0, got nan"),
        ("--dataset clevr --mixing -1", "mixing must be at least 0, got -1.0"),
        ("--dataset clevr --ownership inf", "ownership must be at least 0, got inf"),
        ("--dataset clevr --warmup-steps -1", "warmup_steps must be at least 0, got -1"),
        ("--dataset clevr --loss-pixels 0", "loss_pixels must be at least 1, got 0"),
        ("--dataset clevr --num-rounds 0", "num_rounds must be whole numbers from 1"),
        ("--dataset clevr --decoder-channels 8 -1", "decoder_channels must be whole numbers"),
    ],
)
def test_a_wrong_value_is_said(capsys, words, said):
    with pytest.raises(SystemExit) as stopped:
        recipe(words)
    assert stopped.value.code == 2
    lines = (line.strip("│ ") for line in capsys.readouterr().err.splitlines())
    assert re.search(said, " ".join(lines))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--seed 3", "--dataset is missing; valid ones are tetrominoes, objects_room"),
        ("--dataset clevrx", "Unknown dataset 'clevrx'.*Did you mean 'clevr'"),
        ("--dataset clevr --preset qick", "Unknown preset 'qick'.*Did you mean 'quick'"),
        ("--dataset clevr --variant isa-tt", "Unknown variant 'isa-tt'"),
        ("--dataset clevr --steps 0", "steps must be at least 1, got 0"),
        ("--dataset clevr --host 1", "--coordinator, --hosts and --host are for --distributed"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(words, said):
    with pytest.raises(SystemExit, match=f"error: {said}"):
        recipe(words)


@pytest.mark.parametrize("form", ["--{0} {1} {2}", "--{0} {1},{2}", "--{0}={1},{2}"])
@pytest.mark.parametrize("spell", [str, lambda name: name.replace("_", "-")])
def test_several_values_are_read_however_they_are_written(form, spell):
    values = dict(image_size=(48, 96), encoder_channels=(3, 4), encoder_strides=(2, 2))
    words = [form.format(spell(name), *each) for name, each in values.items()]
    found = recipe(f"--dataset clevr --preset quick {' '.join(words)}").model
    assert {name: getattr(found, name) for name in values} == values


@pytest.mark.parametrize("steps", ["2000", "2_000", "+2000"])
def test_a_preset_knows_the_number_of_steps_however_it_is_written(steps):
    words = "--dataset tetrominoes --preset quick --steps"
    assert recipe(f"{words} {steps}") == preset("tetrominoes", name="quick", steps=2000)


def test_the_command_for_the_published_recipe_can_be_pasted(capsys):
    data = "[v1] my photos"
    explain_quick(preset("images", name="quick", data=data))
    line = capsys.readouterr().out.splitlines()[-1]
    assert parse(shlex.split(line.partition("training.run ")[2])).recipe.data == data
