"""Training: what a step may depend on, and that a killed run goes on as if it never had been."""

import dataclasses
import itertools
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import hub
from isa_eqx import VARIANTS
from training.data import Images, Place, Resize, load, stream_batches
from training.data.scenes import shuffled_batches
from training.distributed.devices import make_mesh
from training.ensemble import Single
from training.loop import train
from training.objective.loss import batch_loss, loss
from training.presets import preset
from training.runs import Run, checkpoint
from training.runs.log import Log, NonFiniteError
from training.runs.saving import Saver
from training.step import draw_state, initial_state, train_step

from ..tiny import TINY, WHOLE, ZERO, advance, as_variant, batch, equal


def black(size):
    return Images(np.zeros((3, size, size, 3), np.uint8), Resize((size, size), (size, size)))


def test_a_step_lowers_the_loss_of_its_batch(scenes):
    config = dataclasses.replace(TINY, warmup_steps=0, loss_pixels=None)
    images, keys = batch(config, scenes, 0), jr.split(jr.key(0), config.batch_size)
    state = initial_state(config)
    whole = eqx.filter_jit(lambda model: batch_loss(model, images, config, ZERO, keys=keys))
    before = whole(state.model)
    for _ in range(10):
        state, _ = train_step(images, state, config)
    assert whole(state.model) < before


def test_the_loss_of_a_batch_is_the_mean_of_its_images_each_with_its_own_frames(scenes):
    model, keys = initial_state(WHOLE).model, jr.split(jr.key(5), 3)
    images = batch(WHOLE, scenes, 0)
    repeated = Images(images.pixels[[0, 0, 1]], images.resize)
    floats = repeated.floats()
    alone = [
        float(eqx.filter_jit(loss)(model, image, WHOLE, ZERO, key=k))
        for image, k in zip(floats, keys, strict=True)
    ]
    ours = eqx.filter_jit(batch_loss)(model, repeated, WHOLE, ZERO, keys=keys)
    np.testing.assert_allclose(ours, np.mean(alone), rtol=1e-5)
    assert abs(alone[0] - alone[1]) > 1e-3 * alone[0]


def measured(images, step=0, seed=0):
    """What a step finds of these images and the weights of seed 0."""
    changes = dict(step=jnp.asarray(step), seed=jnp.uint32(seed))
    state = dataclasses.replace(initial_state(WHOLE), **changes)
    return {name: float(x) for name, x in train_step(images, state, WHOLE)[1].items()}


def test_a_steps_frames_depend_on_the_seed_and_the_step(scenes):
    images = batch(WHOLE, scenes, 0)
    first = measured(images)
    assert first == measured(images)
    assert first["loss"] not in (measured(images, 1)["loss"], measured(images, 0, 1)["loss"])


def test_a_step_measures_its_loss_and_the_gradient_before_it_is_clipped(scenes):
    images, model = batch(WHOLE, scenes, 0), initial_state(WHOLE).model
    key = jr.fold_in(jr.fold_in(jr.key(0), 1), 0)
    value, slope = eqx.filter_jit(eqx.filter_value_and_grad(batch_loss))(
        model, images, WHOLE, ZERO, keys=jr.split(key, len(images))
    )
    found = measured(images)
    np.testing.assert_allclose(found["loss"], value, rtol=1e-5)
    norm = np.sqrt(sum(np.square(x).sum() for x in jax.tree.leaves(slope)))
    np.testing.assert_allclose(found["gradient_norm"], norm, rtol=1e-3)


def test_another_seed_has_other_weights_and_another_order():
    first, other = (initial_state(dataclasses.replace(TINY, seed=seed)).model for seed in (0, 1))
    arrays, others = hub.named_arrays(first), hub.named_arrays(other)
    drawn = [name for name, array in arrays.items() if array.any() and "norm" not in name]
    assert len(drawn) > 10
    assert all((arrays[name] != others[name]).all() for name in drawn)
    orders = [next(shuffled_batches(numbered(50), Place(50, seed=seed))) for seed in (0, 1)]
    assert (orders[0].pixels != orders[1].pixels).any()


def test_a_run_trains_on_scenes_that_it_is_not_scored_on():
    stream = stream_batches(dataclasses.replace(TINY, batch_size=10))
    shown = np.sort(next(stream).pixels.reshape(10, -1), axis=0)
    train, validation = (load("tetrominoes", split, 10).images for split in ("train", "validation"))
    np.testing.assert_array_equal(shown, np.sort(train.pixels.reshape(10, -1), axis=0))
    assert not any((picture == train.pixels).all((1, 2, 3)).any() for picture in validation.pixels)


def numbered(count):
    pixels = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return Images(pixels.repeat(3, axis=3), Resize((1, 1), (1, 1)))


def taken(images, size, count, step=0, **host):
    stream = shuffled_batches(images, Place(size, step, **host))
    return [batch.pixels[:, 0, 0, 0].tolist() for batch in itertools.islice(stream, count)]


def test_every_epoch_shows_every_image_once_in_a_new_order():
    seen = list(itertools.chain(*taken(numbered(10), 3, 10)))
    epochs = [seen[n : n + 10] for n in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_batches_go_on_from_any_place():
    for count, size in ((10, 3), (3, 10)):  # the second has several epochs in a batch
        whole = taken(numbered(count), size, 12)
        for step in range(8):
            assert taken(numbered(count), size, 3, step) == whole[step : step + 3]


def test_the_parts_of_the_hosts_are_the_batch():
    whole = taken(numbered(10), 6, 5)
    parts = [taken(numbered(10), 6, 5, host=host, hosts=3) for host in range(3)]
    assert [sum(step, []) for step in zip(*parts, strict=True)] == whole


def test_a_restored_state_goes_on_bit_for_bit(scenes, tmp_path):
    whole, _ = advance(initial_state(TINY), 7, scenes)
    half, _ = advance(initial_state(TINY), 4, scenes)
    checkpoint.save(tmp_path, half, TINY, 1.5)
    restored, seconds = checkpoint.restore(tmp_path, initial_state(TINY), TINY)
    resumed, _ = advance(restored, 3, scenes)
    assert seconds == 1.5
    assert equal(whole, resumed)


def test_the_last_few_checkpoints_are_kept(tmp_path):
    state = initial_state(TINY)
    for step in range(5):
        at_step = dataclasses.replace(state, step=jnp.asarray(step))
        checkpoint.save(tmp_path, at_step, TINY, 0.0)
    assert [p.name for p in checkpoint.list_checkpoints(tmp_path)] == [
        f"step-{s:08d}" for s in (2, 3, 4)
    ]


@pytest.fixture
def saved(tmp_path):
    checkpoint.save(tmp_path, initial_state(TINY), TINY, 0.0)
    return tmp_path


def restore(run, config=TINY):
    return checkpoint.restore(run, initial_state(config), config)


def test_nothing_to_resume_is_said(tmp_path):
    with pytest.raises(ValueError, match="holds no checkpoint to resume; leave out --resume"):
        restore(tmp_path)


def test_another_recipe_is_refused_with_the_difference(saved):
    with pytest.raises(ValueError, match="another recipe: steps 20 there, 21 here"):
        restore(saved, dataclasses.replace(TINY, steps=21))


@pytest.mark.parametrize("file", ["state.safetensors", "state.json"])
@pytest.mark.parametrize("harm", ["truncate", "flip", "remove"])
def test_a_damaged_checkpoint_is_refused_and_left_alone(saved, file, harm):
    path = checkpoint.list_checkpoints(saved)[-1] / file
    content = path.read_bytes()
    middle = len(content) // 2
    if harm == "truncate":
        path.write_bytes(content[:middle])
    elif harm == "flip":
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    else:
        path.unlink()
    before = sorted(p.name for p in path.parent.iterdir())
    with pytest.raises(ValueError, match=r"is damaged .*remove .*step-00000000 to resume from"):
        restore(saved)
    assert sorted(p.name for p in path.parent.iterdir()) == before


def test_single_pixels_are_no_loss_for_a_decoder_of_whole_images():
    with pytest.raises(ValueError, match="loss_pixels must be None for a convolutional decoder"):
        as_variant(TINY, "isa-t", image_size=(36, 36), decoder_strides=(2,))
    with pytest.raises(ValueError, match="recompute must be False with loss_pixels"):
        preset("tetrominoes", name="quick", recompute=True)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("strides", [(), (2,)])
@pytest.mark.parametrize(("dtype", "recompute"), [("float32", False), ("bfloat16", True)])
def test_a_step_has_the_shapes_and_precision_of_its_state(variant, strides, dtype, recompute):
    changes = dict(image_size=(20, 20), decoder_strides=strides, dtype=dtype)
    config = dataclasses.replace(as_variant(WHOLE, variant, **changes), recompute=recompute)
    images = black(20)
    state = eqx.filter_eval_shape(draw_state, config, jnp.uint32(0))
    after, _ = eqx.filter_eval_shape(train_step, images, state, config)
    shapes = [[(x.shape, x.dtype) for x in jax.tree.leaves(tree)] for tree in (state, after)]
    assert shapes[0] == shapes[1]


def test_a_log_has_the_means_of_the_steps_since_its_last_line(tmp_path):
    log = Log(tmp_path / "metrics.jsonl", 7, 0.0)
    for values in ((1.0, 2.0, 6.0), (4.0,)):
        for value in values:
            log.add({"loss": jnp.asarray(value), "gradient_norm": jnp.asarray(-value)})
        assert log.flush() == {"loss": np.mean(values), "gradient_norm": -np.mean(values)}
    assert log.flush() == {}
    lines = [json.loads(x) for x in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(x["step"], x["loss"], x["gradient_norm"]) for x in lines] == [(10, 3, -3), (11, 4, -4)]


def test_a_resumed_log_drops_what_came_after_the_checkpoint_and_a_torn_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = Log(path, 0, 0.0)
    for step in (10, 20, 30):
        log.write(step, {"loss": 1.0})
    path.write_text(path.read_text() + '{"step": 1')
    resumed = Log(path, 20, 100.0)
    resumed.write(21, {"loss": 2.0})
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["step"] for record in records] == [10, 20, 21]
    assert records[-1]["seconds"] >= 100


def test_a_loss_that_is_no_number_stops_and_keeps_the_good_checkpoints(scenes, tmp_path):
    state, log = initial_state(TINY), Log(tmp_path / "metrics.jsonl", 0, 0.0)
    checkpoint.save(tmp_path, state, TINY, 0.0)
    state = eqx.tree_at(lambda s: s.model.initial_slots, state, replace_fn=lambda x: x * jnp.nan)
    stream, mesh = shuffled_batches(scenes.images, Place(TINY.batch_size)), make_mesh(TINY)
    with pytest.raises(NonFiniteError, match=r"gradient_norm is nan at step 1: .* diverged"):
        run = Run(TINY, tmp_path, False, log, Saver(tmp_path, TINY))
        train(Single(state, TINY, mesh), [run], 0, mesh, stream, lambda: scenes, 1)
    restored, _ = restore(tmp_path)
    assert equal(restored, initial_state(TINY))
