"""The architectures of the paper, by dataset: one table."""

import dataclasses
from typing import Any

from .config import ISAConfig
from .config_checks import VARIANTS, check_choice

_OBJECTS_ROOM = dict(
    image_size=(64, 64),
    num_slots=11,
    encoder_strides=(2, 2, 1, 1),
    decoder_channels=(64,) * 5,
    decoder_strides=(2, 2, 1, 1, 1),
)
_CLEVR = _OBJECTS_ROOM | dict(
    image_size=(128, 128), encoder_strides=(2, 2, 2, 1), decoder_strides=(2, 2, 2, 1, 1)
)
RESNET_34: dict[str, Any] = dict(
    encoder_channels=(64, 128, 256, 512),
    encoder_strides=(1, 2, 2, 2),
    encoder_blocks=(3, 4, 6, 3),
)

# What each changes in the defaults of ISAConfig, which are those of Tetrominoes. The paper has two
# encoders for CLEVRTex.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "tetrominoes": {},
    "objects_room": _OBJECTS_ROOM,
    "clevr": _CLEVR,
    "clevrtex": _CLEVR,
    "clevrtex_resnet": _CLEVR | RESNET_34,
    "multishapenet_easy": _CLEVR,
    "waymo_open": _CLEVR | RESNET_34 | dict(image_size=(128, 192)),
}


def published(architecture: str, variant: str = "isa-t", **changes: Any) -> ISAConfig:
    """Return the published architecture for a dataset.

    - `architecture`: the name of a dataset, or of a dataset with its encoder.
    - `changes`: fields of `ISAConfig` to replace.

    The paper has Tetrominoes only for `sa` and `isa-t`; the other variants get the same here.
    Raises a `ValueError` that lists the valid names for an unknown one.
    """
    check_choice("architecture", architecture, tuple(ARCHITECTURES))
    check_choice("variant", variant, VARIANTS)
    config = ISAConfig(variant=variant, **ARCHITECTURES[architecture])
    return dataclasses.replace(config, **changes)
