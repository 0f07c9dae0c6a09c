"""What may be imported from where, and what is not imported unless it is needed."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Every room of the house, and the rooms that it may import from: those above it in this table.
ROOMS = {
    "hub.common": (),
    "hub": ("hub.common",),
    "hub.mirror.sources": ("hub.common",),
    "hub.mirror": ("hub.common", "hub", "hub.mirror.sources"),
    "isa_eqx": ("hub.common", "hub"),
    "training.config": ("isa_eqx",),
    "training.data": ("hub.common", "hub", "hub.mirror", "isa_eqx", "training.config"),
    "training.presets": ("hub.common", "isa_eqx", "training.config", "training.data"),
    "training.objective": ("isa_eqx", "training.config", "training.data"),
    "training.distributed": ("hub.common", "training.config"),
    "training.evaluation": ("isa_eqx", "training.data", "training.distributed"),
    "training.step": ("isa_eqx", "training.config", "training.data", "training.objective"),
    "training.options": ("training.config", "training.distributed"),
    "training.runs": (
        "hub.common", "hub", "isa_eqx", "training.config", "training.data", "training.presets",
        "training.distributed", "training.evaluation", "training.step", "training.options",
    ),
    "training": (
        "hub.common", "hub", "isa_eqx", "training.config", "training.data", "training.presets",
        "training.distributed", "training.evaluation", "training.step", "training.options",
        "training.runs",
    ),
    "hub.mirror.__main__": (
        "hub.common", "hub.mirror", "hub.mirror.sources", "isa_eqx", "training.data",
    ),
    "demo": ("hub.common", "hub", "isa_eqx", "training.data"),
    "demo.app": ("hub.common", "isa_eqx", "training.data", "demo"),
    "benchmarks": (
        "hub.common", "hub.mirror", "hub.mirror.sources", "isa_eqx", "training.config",
        "training.data", "training.presets", "training.objective", "training.distributed",
        "training.evaluation", "training.step", "training.runs", "training", "demo.app",
    ),
}  # fmt: skip
# Rooms whose modules have names for others as well; all others are entered by their `__init__`,
# except by benchmarks, which measure what is inside.
OPEN = ("hub.common", "hub", "hub.mirror.sources", "hub.mirror", "isa_eqx", "demo")
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


def arrows(name: str) -> set[tuple[str, str]]:
    """What the modules of a room import from other rooms: module and name."""
    inside = [module for module in MODULES if room(module) == name]
    assert inside
    return {(m, target) for m in inside for target in imported(m) if room(target) != name}


@pytest.mark.quick
@pytest.mark.parametrize("name", ROOMS)
def test_imports_point_one_way(name):
    """A room imports from all rooms that it stands on, and from no other."""
    above = list(ROOMS)[: list(ROOMS).index(name)]
    assert set(ROOMS[name]) <= set(above)
    wrong = [
        f"{m} imports {target}" for m, target in arrows(name) if room(target) not in ROOMS[name]
    ]
    assert not wrong
    assert {room(target) for _, target in arrows(name)} == set(ROOMS[name])


def names_of_door(name: str) -> set[str]:
    """What the `__init__` of a room has for others."""
    tree = ast.parse(MODULES[f"{name}.__init__"].read_text())
    return {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }


@pytest.mark.quick
@pytest.mark.parametrize("name", [name for name in ROOMS if name != "benchmarks"])
def test_rooms_are_entered_by_their_doors(name):
    """What a room imports from another is what that one's `__init__` has for others."""
    wrong = [
        f"{m} imports {target}"
        for m, target in arrows(name)
        if (other := room(target)) not in OPEN and f"{other}.__init__" in MODULES
        if target.removeprefix(f"{other}.") not in names_of_door(other)
    ]
    assert not wrong


def test_neither_library_nor_command_imports_what_only_some_commands_need():
    program = (
        "import sys, isa_eqx, hub, training.run;"
        "print({'datasets', 'huggingface_hub', 'matplotlib', 'scipy.optimize'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout == "set()\n", said.stdout + said.stderr
