"""The benchmarks: what they count, and that they print what they say."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import attention, backbone, curves, data, drawing, metrics, sampling, scenes, step
from benchmarks.arguments import Options
from benchmarks.forms import largest_difference
from benchmarks.measure import costs, flops
from isa_eqx import ISAConfig
from training.config import TrainConfig
from training.presets import PRESETS, Preset

from .. import handmade_backbone
from ..conftest import MODELS, SMALL
from ..objective.test_loss import dark

X, KERNEL = jnp.ones((6, 8)), jnp.ones((5, 3, 3, 3))


def counted(function, *arguments):
    return flops(jax.make_jaxpr(function)(*arguments).jaxpr)


def test_a_product_costs_two_operations_for_each_pair():
    assert counted(lambda x: x @ x.T, X) == 2 * 6 * 8 * 6
    batch = jnp.ones((7, 6, 8))
    assert counted(lambda x: jnp.einsum("bij,bkj->bik", x, x), batch) == 7 * 2 * 6 * 8 * 6


def test_a_loop_costs_its_length():
    def loop(x):
        return jax.lax.scan(lambda carry, _: (carry @ x.T @ x, None), x, length=5)[0]

    assert counted(loop, X) == 5 * 2 * counted(lambda x: x @ x.T, X)
    assert counted(jax.checkpoint(lambda x: x @ x.T), X) == counted(lambda x: x @ x.T, X)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_costs_its_taps_and_its_gradients_the_same(stride):
    def convolved(image, kernel):
        return jax.lax.conv_general_dilated(image, kernel, (stride, stride), "SAME")

    image = jnp.ones((2, 3, 8, 8))
    once = 2 * (2 * 5 * (8 // stride) ** 2) * (3 * 3 * 3)
    assert counted(convolved, image, KERNEL) == once
    for argument in (0, 1):
        slope = jax.grad(lambda *inputs: convolved(*inputs).sum(), argument)
        assert counted(slope, image, KERNEL) == 2 * once


def test_costs_of_a_program():
    cost = costs({"product": (lambda x: x @ x.T, (X,))}, repeats=3)["product"]
    assert len(cost.seconds) == 3 and min(cost.seconds) <= cost.median <= max(cost.seconds)
    assert cost.gigaflops == pytest.approx(2 * 6 * 8 * 6 / 1e9)
    record = cost.to_dict(batch_size=4, peak=1.0)
    assert record["images_per_second"] == pytest.approx(4 / cost.median)
    assert record["share_of_peak"] == pytest.approx(cost.gigaflops / cost.median)


def test_a_difference_is_relative_to_each_array():
    wanted = {"a": np.asarray([100.0, -200.0]), "b": np.asarray([0.1])}
    assert largest_difference(wanted, wanted) == 0
    ours = {"a": np.asarray([100.0, -201.0]), "b": np.asarray([0.2])}
    assert largest_difference(ours, wanted) == pytest.approx(1.0)
    ours["b"] = wanted["b"]
    assert largest_difference(ours, wanted) == pytest.approx(1 / 200)


def test_an_array_of_zeros_is_held_against_a_typical_one():
    wanted = {"a": np.asarray([3.0]), "b": np.asarray([5.0]), "zero": np.zeros(2)}
    ours = wanted | {"zero": np.asarray([0.0, 0.3])}
    assert largest_difference(ours, wanted) == pytest.approx(0.1)


def recipe(variant, **changes):
    model = ISAConfig(**MODELS[variant] | changes)
    return TrainConfig("tetrominoes", "small", model, batch_size=3, loss_pixels=20, ownership=0.1)


@pytest.mark.slow
def test_attention_is_printed_as_json_and_as_a_table_beside_it(capsys):
    config = recipe("isa-t", relative_values=False)
    attention.main(Options("tetrominoes", repeats=1, json=True), config)
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    fast, direct = record["programs"]["fast"], record["programs"]["direct"]
    assert record["speedup"] == pytest.approx(direct["seconds"] / fast["seconds"])
    memory = fast["temporary_bytes"] / direct["temporary_bytes"]
    assert record["memory_ratio"] == pytest.approx(memory)
    assert record["largest_difference"] < 1e-11
    assert record["difference_of_values"] < 1e-4 and record["difference_of_gradients"] < 1e-3
    assert "tetrominoes, isa-t, small, float32, batch of 3" in printed.err


def test_the_parts_of_a_step_add_up_also_where_they_are_not_run(capsys):
    step.main(step.Step("tetrominoes", repeats=0, json=True), recipe("sa"))
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert list(record["programs"]) == ["fast", "encoder", "attention", "decoder"]
    assert record["speedup"] is None and "largest_difference" not in record
    assert printed.err.count("not run") == 4
    parts = [record["programs"][part]["gigaflops"] for part in ("encoder", "attention", "decoder")]
    assert sum(parts) == pytest.approx(record["programs"]["fast"]["gigaflops"], rel=0.01)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_steps_of_all_datasets_are_a_table(as_json, monkeypatch, capsys):
    monkeypatch.setattr(step.Step, "each", lambda self: iter([recipe("sa")]))
    options = step.Step(repeats=0, json=as_json)
    step.main(options, options.config())
    printed = capsys.readouterr()
    _, head, line, row = (printed.err if as_json else printed.out).splitlines()
    assert re.fullmatch(r"\| tetrominoes \| 3 \| pixels \| \d+ MB \| not run \|", row)
    assert head.count("|") == line.count("|") == row.count("|")
    if as_json:
        (one,) = json.loads(printed.out)["steps"]
        assert (one["dataset"], one["decoder"], one["seconds"]) == (
            "tetrominoes",
            "pixels",
            {"1": None},
        )


def test_a_dataset_on_several_devices_is_a_row_of_the_table(monkeypatch):
    monkeypatch.setattr(step, "compare", lambda options: seen.append(list(options.each())))
    seen = []
    for options in (step.Step("clevr", devices="1,2"), step.Step("clevr", devices="2")):
        step.main(options, options.config())
    assert [[one.dataset for one in rows] for rows in seen] == [["clevr", "clevr"]] * 2
    with pytest.raises(ValueError, match="--devices must be numbers, such as 1,2; got '1,x'"):
        step.Step(devices="1,x").config()


def test_sa_has_no_direct_form():
    options = Options("tetrominoes", variant="sa")
    with pytest.raises(SystemExit, match="isa-t"):
        attention.main(options, options.config())


@pytest.mark.slow
def test_every_step_from_a_release_to_a_batch_is_timed(monkeypatch, capsys):
    monkeypatch.setattr(scenes, "DISTINCT", 2)
    monkeypatch.setattr(data, "RECORDS", {"tetrominoes": 400, "clevr": 20})
    monkeypatch.setattr(data, "ROWS", dict.fromkeys(data.ROWS, 64))
    monkeypatch.setattr(data, "DRAWN", {"tetrominoes": 64})
    monkeypatch.setattr(drawing, "STEPS", 1)
    small = Preset("tetrominoes", model=SMALL, training=dict(batch_size=4))
    monkeypatch.setitem(PRESETS, ("tetrominoes", "quick"), small)
    data.main(data.Options(repeats=2, json=True))
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert all(len(rates) == 2 and min(rates) > 0 for rates in record["per_second"].values())
    assert list(record["mirror"]) == [
        "tetrominoes, 40 records",
        "tetrominoes, 400 records",
        "clevr, 2 records",
        "clevr, 20 records",
    ]
    assert all(name in printed.err for name in [*record["per_second"], *record["mirror"]])
    assert "drawn, tetrominoes, 35×35" in record["per_second"]
    assert 0 < record["drawing_share"]["tetrominoes"] < 1
    assert all(made["peak_bytes"] > 1e7 for made in record["mirror"].values())


def finished(folder, dtype, seed, score):
    """A run of 2,000 steps, as training.run leaves it."""
    recipe = dict(seed=seed, steps=2000, model=dict(dtype=dtype))
    records = [dict(step=step, loss=step / 100) for step in range(50, 2001, 50)]
    records += [dict(step=2000, validation_fg_ari=score)]
    records += [dict(step=2000, final_fg_ari=score, final_ari=0.5, final_mse=0.01)]
    folder.mkdir()
    (folder / "train.json").write_text(json.dumps(recipe))
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, records)))
    return folder


def test_runs_are_listed_by_precision_and_seed_with_their_medians(tmp_path, capsys):
    made = [("bfloat16", 1, 0.7), ("float32", 2, 0.4), ("float32", 0, 0.8), ("float32", 1, 0.6)]
    runs = [finished(tmp_path / f"{dtype}-{seed}", dtype, seed, s) for dtype, seed, s in made]
    curves.main(tuple(runs), tmp_path / "curves.png")
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == ["0", "1", "2", "median", "1", "median"]
    assert [row[3] for row in rows] == ["0.800", "0.600", "0.400", "0.600", "0.700", "0.700"]
    assert {row[2] for row in rows} == {"15.25"}  # the mean loss of steps 1050 to 2000
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_no_finished_run_is_named(tmp_path):
    with pytest.raises(SystemExit, match=f"{tmp_path} is no finished run"):
        curves.main((tmp_path,), tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_sampling_by_importance_is_held_against_an_even_draw():
    """Both without bias; of less variance for a model that is wrong only where the picture is."""
    config = recipe("isa-t", image_size=(12, 12), encoder_strides=(2, 2))
    images = jnp.zeros((8, 12, 12, 3)).at[:, 5, 7].set(1.0)
    said = sampling.report(dark(config), config, images, 200, "a name").splitlines()
    assert "20 pixels of 144, 8 images, 200 draws; a name" in said[0]
    even, ours = (re.findall(r"[\d.]+", line) for line in said[3:])
    assert even[:2] == ["1.00", "1.00"] and float(ours[0]) < 0.5
    assert all(float(off) < 2 for off in (*even[2:], *ours[2:]))


def test_scores_in_batches_and_in_a_loop_are_the_same(capsys):
    metrics.main(images=43, size=12, slots=4, repeats=1)
    said = capsys.readouterr().out
    assert said.startswith("43 images of 12×12, 4 slots; ")
    assert float(re.search(r"largest difference of a score (\S+)\n", said)[1]) < 1e-6


def test_a_backbone_is_timed(capsys):
    backbone.main(str(handmade_backbone.folder()), size=12, images=3, repeats=1)
    found = re.search(r"3 images of 12×12.*\nours .* s an image .*GFLOP/s", capsys.readouterr().out)
    assert found
