"""The packages that are installed side by side, and what may stand in the way of one.

Python looks first where it was started. There a `hub.py` of the user's own has the name of one of
them, and would be imported in its place.
"""

import importlib.util
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]


def check_neighbours(*names: str) -> None:
    """Raise an `ImportError` if another module would be imported by one of these names."""
    for name in names:
        try:
            spec = importlib.util.find_spec(name)
        except ValueError:  # a module that some program has made by itself
            continue
        if spec is None or spec.origin is None:
            continue
        found = Path(spec.origin).resolve()
        if found.parent.parent != HERE or found.name != "__init__.py":
            raise ImportError(
                f"{name!r} is {found}, not the package that isa-eqx installs in {HERE}: rename it, "
                "or start Python elsewhere."
            )
