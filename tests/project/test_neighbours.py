"""A module of the user's own that has the name of one of our packages is called by its name."""

import subprocess
import sys

import pytest

from isa_eqx.neighbours import check_neighbours


@pytest.mark.quick
@pytest.mark.parametrize("name", ["hub", "isa_eqx", "training", "demo"])
@pytest.mark.parametrize("file", ["{}.py", "{}/__init__.py"])
def test_what_is_in_the_way_is_named(monkeypatch, tmp_path, name, file):
    path = tmp_path / file.format(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('not to be imported')")
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=f"'{name}' is {path}, not the package .* rename it"):
        check_neighbours(name)


@pytest.mark.quick
def test_a_folder_that_is_no_package_is_not_in_the_way(monkeypatch, tmp_path):
    (tmp_path / "hub").mkdir()
    monkeypatch.delitem(sys.modules, "hub")
    monkeypatch.syspath_prepend(tmp_path)
    check_neighbours("hub", "isa_eqx", "training", "demo", "no_such_package")


@pytest.mark.quick
@pytest.mark.parametrize("program", ["isa_eqx", "training.run", "demo.segment"])
def test_it_is_named_before_it_is_run(tmp_path, program):
    (tmp_path / "hub.py").write_text("print('run')")
    command = [sys.executable, "-c", f"import {program}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"ImportError: 'hub' is {tmp_path / 'hub.py'}, not the package")
    assert done.stdout == ""
