"""The figures of a GPU: a table that is whole however its measurements end."""

import json
import re
import sys
from typing import Any, cast

import jax
import pytest

from benchmarks import parts
from benchmarks.accelerator import __main__ as accelerator
from benchmarks.accelerator import programs, recipes, runs, timing
from benchmarks.accelerator.table import (
    LEAST,
    NOT_YET,
    OUT_OF_TIME,
    Budget,
    Row,
    Section,
    Table,
    fill,
)
from training.presets import preset

from ..tiny import TINY

HEAD = dict(device="a device", jax="JAX 1", commit="commit abc", date="2026-11-29")
MANY = Budget(60)


def section(*measures):
    """A section with a row for each, in which it measures."""
    rows = [Row(f"row {place}", measure) for place, measure in enumerate(measures)]
    return Section("Things", "About things.", ("first, ms", "second, ms"), rows)


def measured(folder, *measures, budget=MANY):
    """The rows of the table in the end, by name."""
    found = section(*measures)
    fill(Table(folder, HEAD, [found]), [found], budget)
    rows = re.findall(r"^\| (row .*?) \| (.*) \|$", (folder / "table.md").read_text(), re.M)
    return {name: cells.split(" | ") for name, cells in rows}


def both():
    yield "first, ms", 1234.5
    yield "second, ms", 0.01239


def test_the_table_is_on_disk_after_every_measurement(tmp_path):
    seen = []

    def look():
        said = json.loads((tmp_path / "table.json").read_text())
        seen.append(((tmp_path / "table.md").read_text().splitlines(), said["sections"]["Things"]))

    def looking():
        look()
        yield "first, ms", 2.0
        look()
        yield "second, ms", 3.0

    measured(tmp_path, both, looking)
    (before, old), (after, new) = seen
    assert before[-2:] == ["| row 0 | 1,234 | 0.0124 |", f"| row 1 | {NOT_YET} |  |"]
    assert after[-1] == "| row 1 | 2 |  |"
    assert old["row 0"] == {"first, ms": 1234.5, "second, ms": 0.01239} and not old["row 1"]
    assert new == old | {"row 1": {"first, ms": 2.0}}


def test_its_first_line_says_what_was_measured_with_and_when(tmp_path):
    table = Table(tmp_path, HEAD, [section(both)])
    text = (tmp_path / "table.md").read_text()
    assert text.splitlines()[0] == "a device, JAX 1, commit abc, 2026-11-29"
    assert text == table.markdown() and json.loads((tmp_path / "table.json").read_text()) == (
        HEAD | {"sections": {"Things": {"row 0": {}}}}
    )
    assert {path.name for path in tmp_path.iterdir()} == {"table.md", "table.json"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("RESOURCE_EXHAUSTED: Out of memory\nallocating 1 b"), "out of memory"),
        (NotImplementedError("no float8 | here."), r"no float8 \| here"),
        (KeyError(), "KeyError"),
        (ValueError("long " * 100), "long … long"),
    ],
)
def test_an_error_becomes_a_sentence_and_the_next_goes_on(error, said, tmp_path):
    def failing():
        yield "first, ms", 5.0
        raise error

    rows = measured(tmp_path, failing, both)
    assert rows["row 0"][0] == "5" and rows["row 0"][1].startswith("failed: ")
    assert len(rows["row 0"][1]) < 140 and "\n" not in rows["row 0"][1]
    assert all(part in rows["row 0"][1] for part in said.split(" … "))
    assert rows["row 1"] == ["1,234", "0.0124"]


def test_what_there_is_no_time_for_says_so(tmp_path, capsys):
    """A row is not begun if the longest of its section would not have ended in time."""
    now = [0.0]

    def slow():
        now[0] += 2 * LEAST
        yield "first, ms", 1.0

    budget = Budget(5.5 * LEAST / 60, lambda: now[0])
    rows = measured(tmp_path, slow, slow, slow, slow, budget=budget)
    assert [row[0] for row in rows.values()] == ["1", "1", OUT_OF_TIME, OUT_OF_TIME]
    assert now[0] == 4 * LEAST and capsys.readouterr().out.count("\n") == 4
    assert measured(tmp_path, both, budget=Budget(0))["row 0"][0] == OUT_OF_TIME


def test_without_an_accelerator_it_says_so(tmp_path):
    with pytest.raises(SystemExit, match="error: JAX has no GPU or TPU here.*--trial"):
        accelerator.main(accelerator.Options(tmp_path / "new", minutes=0.01))
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "table.md").write_text("figures of a day")
    with pytest.raises(SystemExit, match="not an empty folder"):
        accelerator.main(accelerator.Options(tmp_path, minutes=0.01, trial=True))
    assert (tmp_path / "table.md").read_text() == "figures of a day"


def test_every_recipe_is_measured_once_and_named_by_all_its_datasets():
    found = recipes.recipes("paper", "paper-resnet", "quick", trial=False)
    named = [(name, recipe.config.preset) for recipe in found for name in recipe.datasets]
    assert len(set(named)) == len(named) == 13
    for recipe in found:
        of_each = [preset(name, name=recipe.config.preset) for name in recipe.datasets]
        assert {config.model for config in of_each} == {recipe.config.model}
    assert any(len(recipe.datasets) > 1 for recipe in found)


def test_a_trial_has_every_section_of_smaller_models(tmp_path):
    def sections(trial):
        of_programs = [programs.steps, programs.memory, programs.attention, programs.inference]
        made = [make(trial) for make in (*of_programs, runs.drawing, runs.seeds)]
        return [programs.products(), *made, runs.run(tmp_path, MANY, trial)]

    for trial, full in zip(sections(True), sections(False), strict=True):
        assert trial.columns == full.columns and 0 < len(trial.rows) <= len(full.rows)
    for recipe in recipes.recipes("paper", "quick", trial=True):
        assert recipe.config.batch_size == 2 and recipe.config.model.num_rounds == 1


def test_programs_side_by_side_fail_alone():
    def impossible(config, model):
        raise MemoryError

    kinds = {"whole": parts.inference, "impossible": impossible}
    compiling = {
        name: (lambda part=part: timing.compiled(part, TINY)) for name, part in kinds.items()
    }
    found: dict[str, Any] = dict(timing.timed_in_turn(compiling))
    assert found["whole"].ms > 0 and len(found["whole"].cost.seconds) == timing.CALLS
    assert found["impossible"] == timing.Timed("failed: out of memory")


def test_a_program_that_does_not_run_has_its_planned_memory():
    _, cost, arguments = timing.compiled(parts.inference, TINY)

    def failing(*arguments):
        raise RuntimeError("RESOURCE_EXHAUSTED: 200 GB")

    found = timing._timed(cast(Any, failing), cost, arguments)
    assert found == timing.Timed("failed: out of memory", cost) and cost.temporary_bytes > 0


def test_the_peak_of_memory_is_a_programs_own_only_if_it_rose():
    assert timing._at_most(1_000_000, 2_500_000_000) == 2.5
    assert timing._at_most(2_500_000_000, 2_500_000_000) == "≤ 2.5"
    assert timing._at_most(None, None) == timing.NOT_COUNTED


def test_the_precision_of_products_is_that_of_the_program():
    def part(config, model):
        return lambda x: x @ x, (jax.numpy.ones((4, 4)),)

    texts = [str(timing.compiled(part, TINY, name)[0].as_text()) for name in (None, "highest")]
    assert "operand_precision={highest,highest}" in texts[1]
    assert "operand_precision={highest,highest}" not in texts[0]


def in_place_of_python(program, folder, monkeypatch):
    """The processes that are started run this line of a shell."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))


def test_the_run_is_the_preset_and_only_that_of_a_trial_is_shorter(tmp_path, monkeypatch):
    in_place_of_python('echo "$@"; exit 1', tmp_path, monkeypatch)
    wanted = "-m training.run --dataset tetrominoes --preset quick --seed 0"
    for trial, more in ((False, ""), (True, " --steps 20 .*")):
        (row,) = runs.run(tmp_path, MANY, trial).rows
        with pytest.raises(RuntimeError, match=f"^{wanted}{more} --out {tmp_path}/tetrominoes$"):
            list(row.measure())


@pytest.mark.parametrize(
    ("program", "seconds", "said"),
    [
        ("exec sleep 20", 0.2, "out of time, at step 1,050"),
        (
            "echo training; echo error: the disk is full. >&2; exit 1",
            20,
            "error: the disk is full.",
        ),
        ("exit 1", 20, "it said nothing"),
    ],
)
def test_a_run_that_is_cut_off_or_fails_says_so(program, seconds, said, tmp_path, monkeypatch):
    run = tmp_path / "run"
    run.mkdir()
    in_place_of_python(program, tmp_path, monkeypatch)
    (run / "metrics.jsonl").write_text('{"step": 1050, "loss": 1.0}\n')
    with pytest.raises(RuntimeError, match=f"^{said}$"):
        list(runs.run_to_its_end(run, runs.RUN, seconds))


@pytest.mark.slow
def test_a_trial_measures_everything(tmp_path):
    accelerator.main(accelerator.Options(tmp_path / "new", minutes=30, trial=True))
    text = (tmp_path / "new" / "table.md").read_text()
    assert not re.search("failed|not run|not measured", text)
    assert not re.search(r"^\| \S.*\| +\|", text, re.M)  # no cell is empty
    values = json.loads((tmp_path / "new" / "table.json").read_text())["sections"]
    assert len(values) == 8 and all(rows and all(rows.values()) for rows in values.values())
    cells = [cell for rows in values.values() for row in rows.values() for cell in row.values()]
    assert all(isinstance(cell, float) or cell == timing.NOT_COUNTED for cell in cells)
