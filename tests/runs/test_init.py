"""A run that starts from a model: with its weights, bit for bit, or not at all."""

import dataclasses
import json
import re
import shlex
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hub
from isa_eqx import ISA, VARIANTS, ISAConfig
from training.arguments import parse
from training.objective.loss import batch_loss
from training.presets import command
from training.run import main
from training.runs import checkpoint
from training.runs.initial import initialise, resolve_init
from training.runs.prepare import plan, prepare
from training.runs.start import first_states
from training.runs.summary import is_over
from training.step import initial_state, train_step

from ..conftest import DEEP, HUB, KEY, assert_same, filled, run
from ..conftest import SMALL as SIZES
from ..loopback import OWNER
from ..tiny import SMALL, TINY, as_variant, batch, equal

REPO = "user/isa-start"


@pytest.fixture(scope="module", params=["sa", "isa-tsr"])
def model(request):
    """One whose arrays are away from where training starts."""
    return filled(as_variant(TINY, request.param).model)


@pytest.fixture(scope="module")
def small():
    return filled(parse(SMALL).recipe.model)


@pytest.fixture
def folder(small, tmp_path):
    small.save_pretrained(tmp_path / "model")
    return str(tmp_path / "model")


def begun(init, config=TINY, **changes):
    """The recipe of a run that starts from a model, and its first state."""
    config = resolve_init(dataclasses.replace(config, init=str(init), **changes))
    return config, initialise(initial_state(config), config)


def sources(model, tmp_path, **changes):
    model.save_pretrained(tmp_path / "model")
    config = dataclasses.replace(TINY, model=dataclasses.replace(model.config, **changes))
    return tmp_path / "model", config


def test_it_starts_with_the_weights_and_with_nothing_else_of_the_model(model, tmp_path):
    """The optimiser, the step and the seed are those of any new run."""
    config, state = begun(*sources(model, tmp_path), seed=7)
    assert_same(state.model, model)
    usual = initial_state(config)
    assert not equal(usual.model, model)
    for ours, others in ((state.optimiser, usual.optimiser), (state.step, usual.step)):
        assert equal(ours, others)
    assert (int(state.step), int(state.seed)) == (0, 7)


def test_the_first_loss_is_that_of_the_model(scenes, model, tmp_path):  # noqa: F811
    config, state = begun(*sources(model, tmp_path))
    images = batch(config, scenes, 0)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(config.seed), 1), 0)
    keys = jax.random.split(key, len(images))
    wanted = eqx.filter_jit(batch_loss)(model, images, config, jnp.asarray(0), keys=keys)
    _, measured = train_step(images, state, config)
    np.testing.assert_allclose(measured["loss"], wanted, rtol=1e-5)


def test_other_sizes_of_image_and_other_rounds_take_the_same_weights(model, tmp_path):
    changes = dict(image_size=(30, 24), num_rounds=5, encoder_strides=(3,), dtype="bfloat16")
    _, state = begun(*sources(model, tmp_path, **changes))
    assert state.model.config.image_size == (30, 24)
    assert equal(hub.named_arrays(state.model), hub.named_arrays(model))
    out = run(state.model, jnp.zeros((30, 24, 3)), KEY)
    assert out.segmentation.shape == (30, 24)


def test_models_of_all_sizes_of_image_start_from_one_another(tmp_path):
    """Also a residual encoder and a convolutional decoder."""
    config = dataclasses.replace(TINY, model=ISAConfig(**DEEP), loss_pixels=None)
    source = filled(dataclasses.replace(config.model, image_size=(32, 20)))
    source.save_pretrained(tmp_path)
    _, state = begun(tmp_path, config)
    assert equal(hub.named_arrays(state.model), hub.named_arrays(source))


def test_weights_of_another_precision_become_float32(small, tmp_path):
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), small)
    half.save_pretrained(tmp_path)
    _, state = begun(tmp_path, parse(SMALL).recipe)
    arrays = hub.named_arrays(state.model)
    assert {array.dtype for array in arrays.values()} == {np.dtype("float32")}
    assert equal(arrays, {n: a.astype(np.float32) for n, a in hub.named_arrays(half).items()})


@pytest.mark.parametrize(
    ("parts", "fresh"),
    [
        (("initial_slots",), {"initial_slots"}),
        (("decoder.colour", "attention.gru.bias"), {"decoder.colour.weight", "attention.gru.bias"}),
        (("decoder", "encoder"), {"decoder.layers.0.weight", "encoder.layers.0.weight"}),
    ],
)
def test_the_parts_that_are_named_start_anew_and_no_others(model, tmp_path, parts, fresh):
    config, state = begun(*sources(model, tmp_path), init_partial=parts, seed=3)
    found = hub.named_arrays(state.model)
    random, loaded = map(hub.named_arrays, (initial_state(config).model, model))
    for name, array in found.items():
        is_named = any(name == part or name.startswith(f"{part}.") for part in parts)
        np.testing.assert_array_equal(array, (random if is_named else loaded)[name], err_msg=name)
        assert not np.array_equal(array, (loaded if is_named else random)[name])
    assert fresh <= found.keys()


def test_what_one_model_lacks_and_what_it_has_too_many_may_both_be_named(model, tmp_path):
    """From sa to an invariant variant, and back."""
    other = "isa-t" if model.config.variant == "sa" else "sa"
    folder, config = sources(model, tmp_path, variant=other)
    parts = ("position_embedding", "attention.grid_encoder")
    _, state = begun(folder, config, init_partial=parts)
    fresh, loaded = hub.named_arrays(initial_state(config).model), hub.named_arrays(model)
    for name, array in hub.named_arrays(state.model).items():
        np.testing.assert_array_equal(array, loaded.get(name, fresh[name]), err_msg=name)


@pytest.mark.parametrize(
    "changes",
    [
        dict(num_slots=6),
        dict(slot_size=4, hidden_size=6),
        dict(variant="sa"),
        dict(variant="isa-tsr", encoder_channels=(6, 5, 4), encoder_strides=(1, 1, 1)),
        dict(encoder_channels=(32,), encoder_strides=(4,), encoder_blocks=(1,)),
        dict(decoder_channels=(7, 9, 4), image_size=(10, 10)),
    ],
    ids=str,
)
def test_what_an_error_advises_works(changes, tmp_path):
    """It lists every array that does not fit; either line of advice then makes a run start."""
    source = filled(ISAConfig(**SIZES))
    source.save_pretrained(tmp_path / "model")
    wanted = dataclasses.replace(source.config, **changes)
    config = dataclasses.replace(TINY, model=wanted, init=str(tmp_path / "model"))
    with pytest.raises(ValueError) as caught:
        resolve_init(config)
    said = str(caught.value)
    skeleton = eqx.filter_eval_shape(ISA, wanted, key=KEY)
    ours, theirs = map(hub.named_shapes, (skeleton, source))
    for name in ours.keys() | theirs.keys():
        assert (f"{name} " in said or f"'{name}'" in said) == (ours.get(name) != theirs.get(name))
    options, partial = (shlex.split(line) for line in said.splitlines()[-3::2])
    assert partial[0] == "--init-partial"
    config_of = ["--dataset", "tetrominoes", "--loss-pixels", "None", "--init", config.init]
    of_model = [word for words in flags(wanted) for word in words]
    fitting = parse([*config_of, *of_model, *options]).recipe
    assert resolve_init(fitting).model.image_size == wanted.image_size
    for part in partial[1:]:  # none too large
        layers = {name.rpartition(".")[0] for name in ours if f"{name}.".startswith(f"{part}.")}
        wrong = {name.rpartition(".")[0] for name in ours if ours[name] != theirs.get(name)}
        assert layers <= wrong
    resolve_init(dataclasses.replace(config, init_partial=tuple(partial[1:])))
    with pytest.raises(ValueError, match="do not fit"):  # none too many
        resolve_init(dataclasses.replace(config, init_partial=tuple(partial[2:])))


def flags(config):
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        values = value if isinstance(value, tuple) else (value,)
        yield [f"--{field.name.replace('_', '-')}", *map(str, values)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--init-partial", "decodr"], "--init-partial decodr names no array; they are in att"),
        (["--init-partial", "decode"], "--init-partial decode names no array"),
        (["--init-sha256", "0" * 64], "are not those that the recipe starts from: their SHA-256"),
        (["--init", "nowhere"], "'nowhere' is no folder here; a model on the Hub is called user/"),
        (["--init", "user/absent"], "no folder of that name is here, and the Hub has no such repo"),
        (["--num-slots", "9"], r"do not fit the architecture:\n  initial_slots should be \(9, 8\)"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_a_mistake_is_one_message_and_leaves_nothing(folder, tmp_path, words, said):
    out = tmp_path / "run"
    with pytest.raises(SystemExit, match=f"^error: .*{said}"):
        main(parse([*SMALL, "--init", folder, *words, "--out", str(out)]))
    assert not out.exists()


@pytest.mark.parametrize("option", ["--init-partial decoder", f"--init-sha256 {'0' * 64}"])
def test_options_of_a_start_need_one(option, capsys):
    with pytest.raises(SystemExit):
        parse([*SMALL, *option.split()])
    assert "is for a run with init" in " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def finished(small, tmp_path_factory):
    """A short run that started from a model of the Hub, and the commit that was there then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", OWNER)
        HUB.repos.pop(("model", REPO), None)
        small.push_to_hub(REPO)
        commit = HUB.repo(REPO).refs["main"]
        run = tmp_path_factory.mktemp("begun") / "run"
        words = [*SMALL, "--init", REPO, "--init-partial", "decoder.colour", "--out", str(run)]
        main(parse(words))
    return run, words, f"{REPO}@{commit}"


def test_a_repo_is_pinned_to_its_commit_in_recipe_and_card(finished):
    from huggingface_hub import ModelCard

    run, _, pinned = finished
    recipe = json.loads((run / "train.json").read_text())
    assert (recipe["init"], recipe["init_partial"]) == (pinned, ["decoder.colour"])
    card = ModelCard.load(run / "README.md")
    assert card.data.base_model == REPO
    assert f"starting from the weights of `{pinned}`, without its `decoder.colour`" in card.text
    shown = re.search(r"```\n(python -m training.run .*)\n```", card.text)[1]
    assert f"--init {pinned}" in shown and f"| init | {pinned} |" in card.text
    assert json.loads(json.dumps(parse(shlex.split(shown)[3:]).recipe.to_dict())) == recipe


def test_a_run_is_resumed_with_the_commit_it_began_with_while_the_hub_is_away(
    finished, small, tmp_path, monkeypatch
):
    run, words, pinned = finished
    out = shutil.copytree(run, tmp_path / "run")
    monkeypatch.setenv("HF_TOKEN", OWNER)
    small.push_to_hub(REPO, commit_message="a card is changed")
    for step in checkpoint.list_checkpoints(out)[1:]:
        shutil.rmtree(step)
    HUB.requests.clear()
    again = [*words[:-1], str(out), "--resume"]
    main(parse(again))
    assert not [request for request in HUB.requests if REPO in request]
    assert_same(ISA.from_pretrained(out), ISA.from_pretrained(run))
    assert is_over(out, parse(again).recipe) and json.loads(
        (out / "train.json").read_text()
    ) == json.loads((run / "train.json").read_text())
    for start in (["--init", "user/other"], ["--init-partial", "decoder"]):
        with pytest.raises(SystemExit, match=r"was started with another recipe: init"):
            main(parse([*again, *start]))


def test_a_folder_that_has_changed_is_refused_by_the_command_of_the_card(small, folder, tmp_path):
    words = [*SMALL, "--init", folder]
    config, *_ = prepare(parse([*words, "--out", str(tmp_path / "run")]))
    again = shlex.split(command(config))[3:]
    assert prepare(parse([*again, "--out", str(tmp_path / "again")]))[0] == config
    jax.tree.map(lambda x: x + 1, small).save_pretrained(folder)
    with pytest.raises(ValueError, match="leave out --init-sha256 to take them"):
        prepare(parse([*again, "--out", str(tmp_path / "other")]))
    assert not (tmp_path / "other").exists()
    shutil.rmtree(folder)
    assert prepare(parse([*words, "--out", str(tmp_path / "run"), "--resume"]))[0] == config


def test_seeds_start_from_the_same_weights_and_go_different_ways(small, folder, tmp_path):
    words = [*SMALL, "--init", folder, "--seeds", "2,4", "--out", str(tmp_path / "seeds")]
    arguments = parse(words)
    states, _ = first_states(plan(arguments))
    for state in states:
        assert_same(state.model, small)
    for path in sorted((tmp_path / "seeds").glob("seed*")):
        saved = checkpoint.list_checkpoints(path)
        assert [one.name for one in saved] == ["step-00000000"]
    main(parse([*words, "--resume"]))
    one, other = (ISA.from_pretrained(tmp_path / "seeds" / f"seed{n}") for n in (2, 4))
    assert not equal(one, other)


def test_seeds_that_would_all_be_the_same_are_refused(tmp_path):
    words = [*SMALL, "--variant", "sa", "--loss-pixels", "None", "--seeds", "2"]
    out = ["--init", "user/any", "--out", str(tmp_path / "seeds")]
    with pytest.raises(SystemExit, match="with --seeds, all 2 models would be the same"):
        main(parse([*words, *out]))
    assert not (tmp_path / "seeds").exists()


@pytest.mark.parametrize("variant", VARIANTS[2:])
def test_invariant_variants_have_the_same_arrays(variant, tmp_path):
    folder, config = sources(filled(TINY.model), tmp_path, variant=variant)
    assert begun(folder, config)[1].model.symmetry.fields != ("position",)
