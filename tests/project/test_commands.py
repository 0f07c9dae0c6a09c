"""Every command survives its output, and ends with a sentence."""

import ast
import subprocess
import sys

import pytest

from .test_import import MODULES

COMMANDS = [
    name for name, path in MODULES.items() if 'if __name__ == "__main__":' in path.read_text()
]


def last_statement(path):
    """What a module does as a command."""
    return ast.parse(path.read_text()).body[-1].body


@pytest.mark.quick
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_runs_whatever_becomes_of_its_output(name):
    (only,) = last_statement(MODULES[name])
    assert isinstance(only, ast.With), f"{name} lacks resilient_output"
    assert ast.unparse(only.items[0].context_expr) == "resilient_output()"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("training.run --help | head -1", "usage: python -m training.run"),
        ("hub.mirror --help 2>&- | head -1", "usage: python -m hub.mirror"),
    ],
)
def test_its_reader_may_leave_and_know_no_letter_but_ascii(command, wanted):
    words = f"PYTHONIOENCODING=ascii {sys.executable} -m {command}; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0 and not ended.stderr and wanted in ended.stdout
