"""Models that stand on a frozen backbone, which is not saved with them."""

import dataclasses
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.random as jr
from jax.sharding import Sharding

import hub

from . import backbones
from .backbones import ViT
from .checks import check_backbone
from .config import ISAConfig
from .layers import cast

Model = TypeVar("Model", bound="OnBackbone")


class OnBackbone(hub.AbstractPretrained):
    """A model that may need the backbone that its config names.

    `from_pretrained` brings it along, a new model gets it by `with_backbone`. A saved model holds
    what was trained, and the backbone's name and SHA-256.
    """

    backbone: eqx.AbstractVar[ViT | None]
    config: eqx.AbstractVar[ISAConfig]

    def with_backbone(self: Model, backbone: ViT | None) -> Model:
        """Return the model with its frozen backbone, or without one.

        Raises a `ValueError` if it has vectors or patches of another size than the config says, or
        if the model explains colours.
        """
        if self.config.target == "colours":
            raise ValueError("this model explains colours, and has no backbone.")
        if backbone is not None:
            check_backbone(backbone, self.config)
        return eqx.tree_at(
            lambda model: model.backbone, self, backbone, is_leaf=lambda x: x is self.backbone
        )

    def saved_part(self: Model) -> Model:
        return self if self.backbone is None else self.with_backbone(None)

    def completed(self: Model, *, sharding: Sharding | None = None, **options: Any) -> Model:
        if self.config.target == "colours":
            return self
        name, sha256 = self.config.backbone, self.config.backbone_sha256 or None
        try:
            backbone = backbones.load(name, sha256=sha256, **options)
        except (ValueError, ConnectionError) as error:
            raise type(error)(
                f"the model is there, but not its backbone: {error} To take the same weights from "
                "a folder, name it as backbone in the model's config.json."
            ) from error
        if sharding is not None:
            backbone = jax.device_put(backbone, sharding)
        dtype = jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array))[0].dtype
        return self.with_backbone(cast(backbone, dtype))

    def with_config(self: Model, config: ISAConfig) -> Model:
        """Return the model with its weights in another architecture that has the same ones."""
        skeleton = eqx.filter_eval_shape(type(self), config, key=jr.key(0))
        model = hub.fill_tree(skeleton, hub.named_arrays(self.saved_part()))
        return model if self.backbone is None else model.with_backbone(self.backbone)

    def with_image_size(self: Model, height: int, width: int) -> Model:
        """Return the model for images of another size, whose slots are the same.

        Frames are in units of the image, so that nothing else changes; features of a larger image
        give finer masks. Raises a `ValueError` if a model cannot have this size.
        """
        return self.with_config(dataclasses.replace(self.config, image_size=(height, width)))

    def at_resolution(self: Model, height: int) -> Model:
        """Return the model for images of another height, in whole patches, and the same shape.

        Raises a `ValueError` if it explains colours, or if a backbone has no such patches.
        """
        config = self.config
        if config.target == "colours":
            raise ValueError("a resolution is for models that explain features, this one colours.")
        ratio = config.image_size[1] / config.image_size[0]
        width = max(1, round(height * ratio / config.patch_size)) * config.patch_size
        return self.with_image_size(height, width)
