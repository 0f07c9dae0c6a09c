"""DINOv2 as it is on the Hub: `facebook/dinov2-{small,base,large}`, with and without registers."""

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

import hub
from hub import serialisation

from ..config_checks import DEEPEST, LARGEST, check_choice
from .vit import ViT, ViTConfig

KINDS = "dinov2", "dinov2_with_registers"

# What the files call the parts of ours. They keep these names, whatever transformers calls them.
_NAMES = {
    r"class_token": "embeddings.cls_token",
    r"mask_token": "embeddings.mask_token",
    r"positions": "embeddings.position_embeddings",
    r"registers": "embeddings.register_tokens",
    r"patches": "embeddings.patch_embeddings.projection.weight",
    r"patches_bias": "embeddings.patch_embeddings.projection.bias",
    r"norm\.(\w+)": r"layernorm.\1",
    r"blocks\.(\d+)\.(norm[12])\.(\w+)": r"encoder.layer.\1.\2.\3",
    r"blocks\.(\d+)\.(query|key|value)\.(\w+)": r"encoder.layer.\1.attention.attention.\2.\3",
    r"blocks\.(\d+)\.out\.(\w+)": r"encoder.layer.\1.attention.output.dense.\2",
    r"blocks\.(\d+)\.scale([12])": r"encoder.layer.\1.layer_scale\2.lambda1",
    r"blocks\.(\d+)\.(fc[12])\.(\w+)": r"encoder.layer.\1.mlp.\2.\3",
}
# What is not read of a configuration must have these values, if it is there.
_FIXED = {
    "hidden_act": "gelu",
    "num_channels": 3,
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}


def config_from_hub(fields: Mapping[str, Any]) -> ViTConfig:
    """Return the architecture that a `config.json` of the Hub describes.

    Raises a `ValueError` if it is of another family, or of a form that is not built here.
    """
    check_choice("model_type of a backbone", fields.get("model_type"), KINDS)
    for name, value in _FIXED.items():
        if fields.get(name, value) != value:
            raise ValueError(f"{name} must be {value}, got {reprlib.repr(fields[name])}.")
    has_registers = fields["model_type"] == "dinov2_with_registers"
    size, heads, patch = (
        _number(fields, name) for name in ("hidden_size", "num_attention_heads", "patch_size")
    )
    image, ratio = _number(fields, "image_size"), _number(fields, "mlp_ratio", 4)
    epsilon = fields.get("layer_norm_eps", 1e-6)
    if type(epsilon) is not float or not 0 < epsilon < 1:
        raise ValueError(f"layer_norm_eps must lie between 0 and 1, got {reprlib.repr(epsilon)}.")
    if size % heads or image % patch:
        raise ValueError(
            "hidden_size must be a multiple of num_attention_heads, and image_size of patch_size; "
            f"got {size} of {heads}, and {image} of {patch}."
        )
    return ViTConfig(
        size=size,
        num_blocks=_number(fields, "num_hidden_layers", largest=DEEPEST),
        num_heads=heads,
        mlp_size=size * ratio,
        patch_size=patch,
        table_size=image // patch,
        num_registers=_number(fields, "num_register_tokens", 4) if has_registers else 0,
        norm_epsilon=epsilon,
    )


def make_skeleton(config: ViTConfig) -> ViT:
    """Return a backbone with shapes in place of arrays."""
    return eqx.filter_eval_shape(ViT, config, key=jax.random.key(0))


def fill(skeleton: ViT, weights: Path) -> ViT:
    """Return the backbone with the weights of a file, whose names and shapes are compared first."""
    leaves = serialisation.named_leaves(skeleton)
    wanted = {hub_name(path): leaf for path, leaf in leaves.items()}
    arrays: Any = hub.load_tree(wanted, weights, dtype="float32")
    return hub.fill_tree(skeleton, {path: arrays[hub_name(path)] for path in leaves})


def hub_name(path: str) -> str:
    """Return what the files call an array of a `ViT`, by its path."""
    for ours, theirs in _NAMES.items():
        if match := re.fullmatch(ours, path):
            return match.expand(theirs)
    raise AssertionError(path)


def _number(
    fields: Mapping[str, Any], name: str, default: int | None = None, largest: int = LARGEST
) -> int:
    value = fields.get(name, default)
    if type(value) is not int or not 0 < value <= largest:
        raise ValueError(
            f"{name} must be a whole number from 1 to {largest:,}, got {reprlib.repr(value)}."
        )
    return value
