"""Convert a released checkpoint: `python -m isa_eqx.original ckpt-0.flax clevr_isa_ts FOLDER`."""

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

import hub
from hub.common.errors import exit_with_message
from hub.common.files import is_empty
from hub.common.terminal import resilient_output

from ..card import default_card
from . import load

_ORIGIN = (
    "These are the authors' weights: the folder `{name}` of their release, "
    "[ondrejbiza/isa](https://huggingface.co/ondrejbiza/isa), converted."
)


def main(
    ckpt: Annotated[Positional[Path], tyro.conf.arg(metavar="CKPT")],
    name: Annotated[Positional[str], tyro.conf.arg(metavar="NAME")],
    out: Annotated[Positional[Path], tyro.conf.arg(metavar="OUT_FOLDER")],
) -> None:
    """Convert a checkpoint of the authors' release to a folder for ISA.from_pretrained.

    Names are clevr, clevrtex (with a ResNet), clevrtex_simplecnn, msne, objects_room, wo or
    tetrominoes, followed by _sa, _isa_t, _isa_ts, _isa_ts_v2 or _isa_trs.

    Args:
        ckpt: The Flax file, such as clevr_isa_ts/ckpt-0.flax of ondrejbiza/isa on the Hub.
        name: The name of its folder there, which says what model it is.
        out: The folder to write, new or empty.
    """
    with exit_with_message(ValueError, OSError, ImportError):
        if out.exists() and not (out.is_dir() and is_empty(out)):
            raise ValueError(f"{out} is not empty; name a new folder.")
        model = load(ckpt, name)
        with hub.atomic_file(out / "README.md") as temporary:
            text = default_card(
                model.config, str(out), more=_ORIGIN.format(name=name), license="mit"
            )
            temporary.write_text(text, "utf-8", "backslashreplace")
        model.save_pretrained(out)
    print(f'{name} is in {out}: ISA.from_pretrained("{out}")')


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m isa_eqx.original")
