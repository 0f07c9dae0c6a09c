"""Errors that say what was wanted of an architecture's fields, and what came."""

import dataclasses
import difflib
import math
import reprlib
from typing import Any

GROUPS = 32  # of a ResNet's normalisation
VARIANTS = ("sa", "isa-t", "isa-ts", "isa-tsr")
DTYPES = ("float32", "bfloat16")
TARGETS = ("colours", "features")
# A configuration may come from anyone: one beyond these is a mistake or an attack.
LARGEST, DEEPEST = 2**14, 2**8  # of any number; of layers or rounds
_COUNTS = "num_rounds", "encoder_blocks"  # of layers or rounds
_MAY_BE_EMPTY = "encoder_blocks", "decoder_strides"
OF_BACKBONE = "backbone", "backbone_sha256", "backbone_size", "patch_size", "components"


def check_choice(what: str, name: Any, valid: tuple[str, ...]) -> None:
    """Raise a `ValueError` that lists the valid names, nearest first, unless `name` is one."""
    if name not in valid:
        starts = [candidate for candidate in valid if name and candidate.startswith(str(name))]
        near = starts or difflib.get_close_matches(str(name), valid, n=1, cutoff=0.3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"Unknown {what} {name!r:.60}; valid ones are {', '.join(valid)}.{hint}")


def check_architecture(config: Any) -> None:
    """Raise a `ValueError` unless a model of this configuration can be built.

    - `config`: an `ISAConfig`, which imports this.
    """
    check_choice("variant", config.variant, VARIANTS)
    check_choice("dtype", config.dtype, DTYPES)
    check_choice("target", config.target, TARGETS)
    _check_numbers(config)
    _check_lengths(config)
    for switch, used in (("relative_values", True), ("learnt_grid", False)):
        if config.variant == "sa" and getattr(config, switch) != used:
            raise ValueError(f"{switch} must be {used} for sa, whose slots have no frames.")
    if config.target == "features":
        _check_features(config)
    elif given := [name for name in OF_BACKBONE if getattr(config, name)]:
        raise ValueError(f"{given[0]} is for a model with target features; leave it out.")


def _check_numbers(config: Any) -> None:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.type in (str, bool) or (field.name in OF_BACKBONE and value == 0):
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        valid = all(type(number) is int and 0 < number <= LARGEST for number in numbers)
        if not valid or not (numbers or field.name in _MAY_BE_EMPTY):
            raise ValueError(
                f"{field.name} must be whole numbers from 1 to {LARGEST:,}, got "
                f"{reprlib.repr(value)}."
            )
        if max(len(numbers), sum(numbers) if field.name in _COUNTS else 0) > DEEPEST:
            raise ValueError(
                f"{field.name} must be at most {DEEPEST} layers or rounds, got "
                f"{reprlib.repr(value)}."
            )
    if config.encoder_blocks and any(c % GROUPS for c in config.encoder_channels):
        raise ValueError(
            f"encoder_channels of a ResNet must be multiples of {GROUPS}, the groups of its "
            f"normalisation, got {config.encoder_channels}."
        )
    if config.learnt_grid and config.encoder_channels[-1] < 3:
        raise ValueError(
            "learnt_grid takes two of the last encoder_channels, of which at least one must "
            f"remain, got {config.encoder_channels}."
        )


def _check_lengths(config: Any) -> None:
    if len(config.image_size) != 2:
        raise ValueError(f"image_size must be (height, width), got {config.image_size!r}.")
    for name in ("encoder_strides", "encoder_blocks", "decoder_strides"):
        channels = f"{name.partition('_')[0]}_channels"
        wanted, got = len(getattr(config, channels)), len(getattr(config, name))
        if got != wanted and (got or name == "encoder_strides"):
            raise ValueError(
                f"{channels} and {name} must have one entry per layer, got {wanted} and {got}."
            )
    larger = math.prod(config.decoder_strides)
    if any(size % larger for size in config.image_size):
        raise ValueError(
            f"image_size must be a multiple of {larger}, the product of decoder_strides, "
            f"got {config.image_size}."
        )


def _check_features(config: Any) -> None:
    for name in ("backbone", "backbone_size", "patch_size", "components"):
        if not getattr(config, name):
            raise ValueError(f"{name} is missing, for a model with target features.")
    if any(size % config.patch_size for size in config.image_size):
        raise ValueError(
            f"image_size must be a multiple of {config.patch_size}, the backbone's patch, got "
            f"{config.image_size}."
        )
    if config.components > config.backbone_size:
        raise ValueError(
            f"components must be at most {config.backbone_size}, the backbone's numbers, got "
            f"{config.components}."
        )
    if config.encoder_strides != (1,) or config.encoder_blocks or config.learnt_grid:
        raise ValueError(
            "a model with target features has one of encoder_channels, with stride 1, no "
            f"encoder_blocks and no learnt_grid; got {config.encoder_strides}, "
            f"{config.encoder_blocks} and {config.learnt_grid}."
        )
    if config.decoder_strides:
        raise ValueError(
            "a model with target features decodes every patch by itself: leave out "
            f"decoder_strides, got {config.decoder_strides}."
        )
