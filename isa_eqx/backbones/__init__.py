"""Frozen vision transformers, read as they are on the Hub, whose features slots can explain.

Stands on the layers of `isa_eqx`. Import from here. A family of backbones is a module that says
what its files hold (`dinov2`); the transformer itself is written once (`vit`).
"""

from .block import ViTConfig as ViTConfig
from .files import Pinned as Pinned
from .files import load as load
from .files import pin as pin
from .vit import ViT as ViT
