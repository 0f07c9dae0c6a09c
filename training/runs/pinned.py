"""The backbone of a run, pinned: by its commit or folder, and by the SHA-256 of its weights."""

import dataclasses
from typing import Any

from isa_eqx import ISAConfig, backbones

FIELDS = "backbone", "backbone_sha256", "backbone_size", "patch_size", "components"


def resolve_backbone(model: ISAConfig) -> ISAConfig:
    """Return the architecture with its backbone pinned, and with that one's sizes.

    A model that explains all numbers of a backbone explains all of this one.

    Raises a `ValueError` if there is no such backbone, if its weights are not those that the
    architecture has pinned, or if images are no whole number of its patches; a `ConnectionError` if
    the Hub does not answer.
    """
    if model.target == "colours":
        return model
    found = backbones.pin(model.backbone, sha256=model.backbone_sha256 or None)
    size = found.config.size
    return dataclasses.replace(
        model,
        backbone=found.name,
        backbone_sha256=found.sha256,
        backbone_size=size,
        patch_size=found.config.patch_size,
        components=size if model.components == model.backbone_size else model.components,
    )


def pinned_fields(model: ISAConfig) -> dict[str, Any]:
    """Return the fields that `resolve_backbone` has filled in."""
    return {name: getattr(model, name) for name in FIELDS}
