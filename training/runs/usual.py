"""What slots explain of images of one's own, if their command does not say it."""

from hub.common.terminal import printable
from isa_eqx import backbones

from ..options import Arguments
from ..presets import USUAL_BACKBONE
from .prepare import is_resumed
from .seeds import folder, split_seeds
from .sources import backbone_of


def usual_backbone(arguments: Arguments) -> str:
    """Return the backbone whose features slots explain, `""` if they explain colours.

    It is the one of a run that is continued. Else it is dinov2-small, if that is in the cache or
    comes from the Hub; if not, a line says so.
    """
    first = split_seeds(arguments)[0]
    if is_resumed(first):
        return backbone_of(folder(first))
    try:
        backbones.pin(USUAL_BACKBONE)
    except (ValueError, OSError) as error:
        print(
            f"{printable(error)}\nSo slots explain colours, which is good for toys and drawings, "
            "not for photographs. For these, name\na folder with that backbone: --backbone FOLDER"
        )
        return ""
    print(f"Slots explain features of {USUAL_BACKBONE}, for photographs; or --target colours.")
    return USUAL_BACKBONE
