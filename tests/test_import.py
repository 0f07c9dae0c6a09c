"""What may be imported from where, and what is not imported unless it is needed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Every room of the house, and the rooms that it may import from: those above it in this table.
ROOMS = {
    "hub.common": (),
    "hub": ("hub.common",),
    "hub.mirror.sources": ("hub.common",),
    "hub.mirror": ("hub.common", "hub", "hub.mirror.sources"),
    "isa_eqx": ("hub",),
    "training.config": ("isa_eqx",),
    "training.data": ("hub.common", "hub", "hub.mirror", "isa_eqx", "training.config"),
    "training": ("hub.common", "hub", "isa_eqx", "training.config", "training.data"),
    "hub.mirror.__main__": ("hub.mirror", "hub.mirror.sources", "training.data"),
    "demo": ("hub.common", "hub", "isa_eqx", "training.data"),
    "benchmarks": (
        "hub.mirror", "hub.mirror.sources", "isa_eqx",
        "training.config", "training.data", "training", "demo",
    ),
}  # fmt: skip
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for top in ("hub", "isa_eqx", "training", "demo", "benchmarks")
    for path in sorted((ROOT / top).rglob("*.py"))
}


def room(module: str) -> str | None:
    """The innermost room that a module is in."""
    inside = (name for name in ROOMS if f"{module}.".startswith(f"{name}."))
    return max(inside, key=len, default=None)


def imported(module: str) -> set[str]:
    """The modules of this project that a module imports, also inside its functions."""
    package, found = module.rpartition(".")[0], set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {f"{base}.{alias.name}" for alias in node.names}  # a module, or in one
    return {name for name in found if room(name)}


@pytest.mark.parametrize("name", ROOMS)
def test_imports_point_one_way(name):
    """A room imports only from rooms that it stands on, and no two stand on each other."""
    inside = [module for module in MODULES if room(module) == name]
    wrong = [
        f"{module} imports {target}"
        for module in inside
        for target in imported(module)
        if room(target) not in (name, *ROOMS[name])
    ]
    assert inside and not wrong
    above = list(ROOMS)[: list(ROOMS).index(name)]
    assert set(ROOMS[name]) <= set(above)


def test_neither_library_nor_command_imports_what_only_some_commands_need():
    program = (
        "import sys, isa_eqx, hub, training.run;"
        "print({'datasets', 'huggingface_hub', 'matplotlib', 'scipy.optimize'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "set()\n", said.stdout + said.stderr
