"""Runs whose slots explain features of a backbone: computed once, resumed, pinned, measured."""

import dataclasses
import json
import shlex
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import hub
from isa_eqx import ISA
from training.arguments import parse
from training.data import fitted_components, load, stream_batches
from training.data.features import maps
from training.evaluate import main as evaluate_command
from training.evaluation.scoring import evaluate
from training.objective.loss import loss
from training.presets import command, preset
from training.run import main
from training.runs import checkpoint
from training.runs.prepare import prepare

from .. import handmade_backbone as handmade
from ..conftest import HUB, assert_same
from ..tiny import ZERO

# Its patches are of 4 pixels; until it is looked up, they are taken to be of 14.
OPTIONS = shlex.split(
    "--dataset tetrominoes --preset quick --variant isa-ts --image-size 28 28 --batch-size 2 "
    "--train-examples 12 --num-rounds 1 --slot-size 8 --hidden-size 8 --encoder-channels 4 "
    "--decoder-channels 8 --components 5 --loss-pixels 10 --steps 6 --eval-every 3"
)


@pytest.fixture(autouse=True, scope="module")
def few_scenes():
    """Validation takes a second, not ten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.data.source.HELD_OUT", 40)
        yield


@pytest.fixture(scope="module")
def options():
    return [*OPTIONS, "--backbone", str(handmade.folder())]


@pytest.fixture(scope="module")
def prepared(options, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "run"
    return prepare(parse([*options, "--out", str(out)]))[0]


def test_the_backbone_is_pinned_with_its_sizes(prepared, options):
    model = prepared.model
    assert (model.backbone_size, model.patch_size, model.components) == (12, 4, 5)
    assert model.feature_size == (7, 7)
    assert len(model.backbone_sha256) == 64
    again = parse(shlex.split(command(prepared))[3:]).recipe
    assert dataclasses.replace(again, preset="quick") == prepared


def test_batches_are_what_slots_explain_of_the_images(prepared):
    """Of the same images, in the same order, as those of a run on colours."""
    components = fitted_components(prepared)
    model = ISA(prepared.model, key=jax.random.key(0))
    model = model.with_backbone(maps._backbone(prepared.model.backbone, ""))
    model = eqx.tree_at(lambda m: m.components, model, components)
    sizes = dict(image_size=(28, 28), batch_size=2, train_examples=12)
    coloured = preset("tetrominoes", "isa-ts", "quick", **sizes)
    batches, images = stream_batches(prepared, 3, components), stream_batches(coloured, 3)
    explained = jax.jit(jax.vmap(model.target))
    for _ in range(4):
        wanted = explained(next(images).floats())
        np.testing.assert_allclose(next(batches).floats(), wanted, atol=1e-2)


def test_features_of_batches_that_come_are_those_that_are_kept(prepared):
    """As on a GPU, where nothing is kept."""
    components = fitted_components(prepared)
    coloured = preset(
        "tetrominoes", "isa-ts", "quick", image_size=(28, 28), batch_size=2, train_examples=12
    )
    kept = stream_batches(prepared, 2, components)
    coming = maps.stream_features(stream_batches(coloured, 2), prepared.model, components)
    for _ in range(3):
        np.testing.assert_allclose(next(coming).floats(), next(kept).floats(), atol=1e-2)
    coming.close()


def test_a_residual_encoder_is_not_for_features():
    with pytest.raises(ValueError, match="--encoder resnet is for slots that explain colours"):
        preset("clevr", "sa", "quick", encoder="resnet", backbone="someone/vit")


def test_components_are_of_the_training_images_alone(prepared):
    found = fitted_components(prepared)
    images = load("tetrominoes", "train", 12, size=(28, 28)).images.floats()
    vit = maps._backbone(prepared.model.backbone, "")
    vectors = np.concatenate([np.asarray(vit(image)) for image in images])
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), atol=1e-2)
    kept = np.asarray(found(jnp.asarray(vectors)))
    assert np.square(kept).mean() == pytest.approx(1, rel=1e-2)


def test_the_loss_is_the_mean_over_patches_and_channels(prepared):
    config = dataclasses.replace(prepared, loss_pixels=None)
    model = ISA(config.model, key=jax.random.key(0))
    target = jax.random.normal(jax.random.key(1), (7, 7, 5))
    key = jax.random.key(2)
    found = loss(model, target, config, ZERO, key=key)
    out = model.explain(target, key=jax.random.split(key)[0])
    wanted = jnp.square(out.painted.reconstruction - target).mean()
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    sampled = dataclasses.replace(config, loss_pixels=10)
    each = jax.jit(jax.vmap(lambda k: loss(model, target, sampled, ZERO, key=k)))
    several = each(jax.random.split(key, 400))
    assert several.std() > 0
    assert float(several.mean()) == pytest.approx(float(wanted), rel=0.1)


@pytest.fixture(scope="module")
def whole(options, tmp_path_factory):
    run = tmp_path_factory.mktemp("features") / "run"
    main(parse([*options, "--out", str(run)]))
    return run


def test_a_run_leaves_a_model_without_its_backbone_that_scores_what_was_said(whole):
    names = load_file(whole / "model.safetensors").keys()
    assert not any(name.startswith("backbone") for name in names)
    record = json.loads((whole / "metrics.jsonl").read_text().splitlines()[-1])
    scenes = load("tetrominoes", "validation", 40, size=(28, 28))
    scores, _ = evaluate(ISA.from_pretrained(whole), scenes, "tetrominoes")
    for name, value in scores.items():
        assert record[f"final_{name}"] == pytest.approx(value, abs=0.02), name
    card = (whole / "README.md").read_text()
    assert "features of a frozen backbone" in card and "out.attention" in card
    assert "Masks are those of the attention." in card
    assert (whole / "samples.png").stat().st_size > 1000


def test_its_masks_are_those_of_the_attention_and_finer_at_a_higher_resolution(
    whole, tmp_path, capsys
):
    """The default of models with frames."""
    words = [str(whole), "--dataset", "tetrominoes", "--images", "5", "--out"]
    found = {}
    for name, more in (
        ("usual", []),
        ("attention", ["--masks", "attention"]),
        ("decoder", ["--masks", "decoder"]),
        ("finer", ["--resolution", "56"]),
    ):
        evaluate_command([*words, str(tmp_path / name), *more])
        (model,) = json.loads((tmp_path / name / "scores.json").read_text())["models"].values()
        found[name] = model["ari"]["value"]
    assert found["usual"] == found["attention"] != found["decoder"]
    assert found["finer"] != found["usual"]
    said = capsys.readouterr().out
    assert said.count(", masks of the attention") == 3  # all but those of the decoder
    assert ", masks of the attention, 56 pixels high. In brackets" in said


def test_a_run_that_was_stopped_ends_in_the_same_weights(whole, options, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "checkpoints" / "step-00000006")
    main(parse([*options, "--out", str(run), "--resume"]))
    assert_same(ISA.from_pretrained(run), ISA.from_pretrained(whole))


def test_resumed_without_the_kept_features_it_keeps_its_components(
    whole, options, tmp_path, monkeypatch
):
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    shutil.rmtree(run / "checkpoints" / "step-00000006")
    monkeypatch.setattr(maps, "_code_digest", lambda: "another version")
    main(parse([*options, "--out", str(run), "--resume"]))
    ours, wanted = (ISA.from_pretrained(path) for path in (run, whole))
    assert_same(ours.saved_part(), wanted.saved_part())


def test_a_backbone_that_changes_is_refused_in_a_folder_and_pinned_in_a_repo(
    whole, options, tmp_path
):
    folder, run = tmp_path / "tiny", tmp_path / "run"
    shutil.copytree(handmade.folder(), folder)
    shutil.copytree(whole, run)
    named = [*OPTIONS, "--backbone", str(folder), "--out"]
    first = tmp_path / "first"
    config, _, _ = prepare(parse([*named, str(first)]))
    arrays = load_file(folder / "model.safetensors")
    arrays["layernorm.bias"] += 1
    save_file(arrays, folder / "model.safetensors")
    state = checkpoint.list_checkpoints(whole)[0]
    shutil.copytree(state, first / "checkpoints" / state.name)
    with pytest.raises(ValueError, match=f"its SHA-256 is .*, not {config.model.backbone_sha256}"):
        prepare(parse([*named, str(first), "--resume"]))

    files = {path.name: path.read_bytes() for path in handmade.folder().iterdir()}
    HUB.put("someone/vit", files)
    commit = HUB.repo("someone/vit").refs["main"]
    named = [*OPTIONS, "--backbone", "someone/vit", "--out", str(tmp_path / "second")]
    began, _, _ = prepare(parse(named))
    assert began.model.backbone == f"someone/vit@{commit}"
    HUB.put("someone/vit", {"config.json": b"{}"})
    shutil.copytree(state, tmp_path / "second" / "checkpoints" / state.name)
    assert prepare(parse([*named, "--resume"]))[0].model == began.model


def test_several_seeds_share_features_and_components(options, tmp_path):
    main(parse([*options, "--seeds", "2", "--out", str(tmp_path / "both")]))
    one, other = (ISA.from_pretrained(tmp_path / "both" / f"seed{n}") for n in (0, 1))
    for a, b in zip(*(hub.named_arrays(m.components).values() for m in (one, other)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one.initial_slots != other.initial_slots).any()


def test_it_can_start_from_a_model_of_features(whole, options, tmp_path):
    run = tmp_path / "run"
    main(parse([*options, "--init", str(whole), "--steps", "1", "--out", str(run)]))
    ours, theirs = (hub.named_arrays(ISA.from_pretrained(p).components) for p in (run, whole))
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


def test_a_backbone_that_is_not_there_is_named_before_anything_is_made(tmp_path):
    run = tmp_path / "run"
    with pytest.raises(ValueError, match="no/such: no folder of that name is here, and the Hub"):
        prepare(parse([*OPTIONS, "--backbone", "no/such", "--out", str(run)]))
    assert not run.exists()
