"""Frozen vision transformers, read as they are on the Hub, whose features slots can explain.

Stands on the layers of `isa_eqx`. Import from here. A family of backbones is a module that says
what its files hold (`dinov2`); the transformer itself is written once (`vit`).
"""

from .block import ViTConfig as ViTConfig
from .dinov2 import load as load
from .vit import ViT as ViT
