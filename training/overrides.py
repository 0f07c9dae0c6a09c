"""Fields of a recipe by name, and as text: `FIELD=VALUE`, as `--set` takes them."""

import dataclasses
import json
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from isa_eqx import ISAConfig, check_choice

from .config import TrainConfig

_NAMES_OF_PRESETS = "dataset", "preset", "variant", "model"


def override_types(kind: type[TrainConfig] | type[ISAConfig]) -> dict[str, Any]:
    """Return the types of the fields that can be overridden, all but those that name a preset."""
    hints = get_type_hints(kind)
    names = (field.name for field in dataclasses.fields(kind))
    return {name: hints[name] for name in names if name not in _NAMES_OF_PRESETS}


def parse_override(text: str) -> tuple[str, Any]:
    """Parse `FIELD=VALUE` to the name of a field and its value.

    - `text`: a field of `TrainConfig` or `ISAConfig` and its value as JSON; a string needs no
      quotes.

    Raises a `ValueError` if there is no such field, or if the value is of another type. What is
    in a tuple is for `ISAConfig.from_dict` to check.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set takes FIELD=VALUE, such as learning_rate=4e-4, got {text!r:.60}.")
    types = override_types(TrainConfig) | override_types(ISAConfig)
    check_choice("field of a recipe", name, tuple(types))
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    parsed = tuple(parsed) if isinstance(parsed, list) else parsed
    if types[name] is float and type(parsed) is int:
        parsed = float(parsed)
    if type(parsed) not in _kinds(types[name]):
        wanted = getattr(types[name], "__name__", types[name])
        raise ValueError(f"{name} must be of type {wanted}, got {value!r:.60}.")
    return name, parsed


def _kinds(hint: Any) -> set[Any]:
    """Return the classes that a type admits, without those of a tuple's items."""
    members = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return {get_origin(member) or member for member in members}


def format_override(name: str, value: Any) -> str:
    """Return the text that `parse_override` parses to this field and value."""
    return f"{name}={json.dumps(value)}"
