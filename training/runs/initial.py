"""The weights that a run starts with: those of another model, by `--init`."""

import dataclasses
import functools
import hashlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp

import hub
from hub.config_file import MAX_BYTES
from hub.pretrained import CONFIG, WEIGHTS
from hub.remote import Folder, locate
from isa_eqx import ISA, ISAConfig

from ..config import TrainConfig
from ..presets import changes
from ..step import TrainState


def resolve_init(config: TrainConfig) -> TrainConfig:
    """Return the recipe with the model of `--init` pinned: a repo by its commit, and any by the
    SHA-256 of its weights. Prints the options in which its architecture is another all the same.

    Raises a `ValueError` if there is no such model, if its weights are not those that the recipe
    has pinned, or if they do not fit; a `ConnectionError` if the Hub does not answer.
    """
    if config.init is None:
        return config
    source, pinned = _open(config)
    skeleton = _skeleton(config.model)
    names = hub.named_shapes(skeleton).keys() | hub.named_shapes(source).keys()
    for prefix in config.init_partial:
        if not any(_is_under(name, (prefix,)) for name in names):
            parts = ", ".join(sorted({name.partition(".")[0] for name in names}))
            raise ValueError(f"--init-partial {prefix} names no array; they are in {parts}.")
    found = hub.differences(skeleton, hub.named_arrays(source))
    wrong = {name: said for name, said in found.items() if not _is_under(name, config.init_partial)}
    if wrong:
        raise ValueError(_advise(config, source, names, wrong))
    other = changes(source.config, config.model)
    if other and config.init_sha256 is None:  # else the recipe is known
        print(f"{pinned.init} fits, and was made with {' '.join(other)}.")
    return pinned


def initialise(state: TrainState, config: TrainConfig) -> TrainState:
    """Return the state before the first step with the weights of `--init`, except the arrays that
    start anew.

    Errors: see `resolve_init`.
    """
    if config.init is None:
        return state
    source, _ = _open(config)
    kept = {
        name: array
        for name, array in hub.named_arrays(source).items()
        if not _is_under(name, config.init_partial)
    }
    model = hub.fill_tree(state.model, hub.named_arrays(state.model) | kept)
    return dataclasses.replace(state, model=model)


def _open(config: TrainConfig) -> tuple[ISA, TrainConfig]:
    """Return the model of `--init` in float32, and the recipe that pins it."""
    assert config.init is not None
    place = locate(config.init)
    place.fetch(CONFIG, MAX_BYTES)  # after which the commit is known
    name = config.init if isinstance(place, Folder) else f"{place.repo_id}@{place.commit}"
    source = ISA.from_pretrained(name, dtype=jnp.float32).saved_part()
    with place.fetch(WEIGHTS, sys.maxsize).open("rb") as file:  # whose size has been checked
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if config.init_sha256 not in (None, digest):
        raise ValueError(
            f"the weights of {name} are not those that the recipe starts from: their SHA-256 is "
            f"{digest}, not {config.init_sha256}; leave out --init-sha256 to take them."
        )
    return source, dataclasses.replace(config, init=name, init_sha256=digest)


@functools.lru_cache  # as the search for the nearest architecture asks for many, again and again
def _skeleton(config: ISAConfig) -> ISA:
    return eqx.filter_eval_shape(ISA, config, key=jax.random.key(0))


def _is_under(name: str, prefixes: tuple[str, ...]) -> bool:
    """Return whether an array is one of these, or in a part of the model that is."""
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def _advise(config: TrainConfig, source: ISA, names: set[str], wrong: dict[str, str]) -> str:
    """Return what does not fit, the options with which it would, and what may start anew."""
    fitting = changes(_nearest(config.model, source), config.model)
    anew = " ".join((*config.init_partial, *_shortest(names, set(wrong))))
    lines = "\n".join(f"  {said}" for said in wrong.values())
    return (
        f"the weights of {config.init} do not fit the architecture:\n{lines}\n"
        f"With these options they fit:\n  {' '.join(fitting)}\n"
        f"With this one, what does not fit starts with random weights, and the rest with those of "
        f"{config.init}:\n  --init-partial {anew}"
    )


def _nearest(config: ISAConfig, source: ISA) -> ISAConfig:
    """Return the architecture that has the weights of a model, and is otherwise as asked for."""
    nearest = source.config
    for field in dataclasses.fields(ISAConfig):
        try:
            nearer = dataclasses.replace(nearest, **{field.name: getattr(config, field.name)})
        except ValueError:
            continue
        if not hub.differences(_skeleton(nearer), hub.named_arrays(source)):
            nearest = nearer
    return nearest


def _shortest(names: set[str], wrong: set[str]) -> list[str]:
    """Return the shortest prefixes of the layers with wrong arrays, and of no others."""
    layers = {name: name.rpartition(".")[0] or name for name in names}
    bad = {layers[name] for name in wrong}
    found = set()
    for layer in bad:
        parts = layer.split(".")
        prefixes = (".".join(parts[: end + 1]) for end in range(len(parts)))
        found.add(
            next(
                p for p in prefixes if all(o in bad for o in layers.values() if _is_under(o, (p,)))
            )
        )
    return sorted(found)
