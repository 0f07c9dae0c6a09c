"""Invariant Slot Attention in Equinox: the model, its architectures and its metrics.

Stands on `hub`. Import from here; scores are in `isa_eqx.metrics`, and the authors' weights in
`isa_eqx.original`.
"""

from jaxtyping import install_import_hook

from .neighbours import check_neighbours

check_neighbours("hub")

from hub import version  # noqa: E402

# Shapes in signatures hold for users too: checked while tracing, free afterwards.
with install_import_hook("isa_eqx", "beartype.beartype"):
    from . import metrics as metrics
    from . import original as original
    from .architectures import published as published
    from .components import PrincipalComponents as PrincipalComponents
    from .components import features as features
    from .components import fit_components as fit_components
    from .config import ISAConfig as ISAConfig
    from .config_checks import VARIANTS as VARIANTS
    from .config_checks import check_choice as check_choice
    from .frames import Frame as Frame
    from .grid import coordinates as coordinates
    from .model import ISA as ISA
    from .output import Colours as Colours
    from .output import Decoded as Decoded
    from .output import Features as Features
    from .output import Output as Output
    from .output import attention_masks as attention_masks

__version__ = version()
