"""The command `python -m training.presets`: every preset, and every published model."""

import tyro

from hub.common.terminal import resilient_output
from isa_eqx import VARIANTS, original

from . import PRESETS, USUAL_BACKBONE, command, describe, published_recipe


def main() -> None:
    """Print the presets, and the command that trains each published model."""
    print(
        f"VARIANT is {', '.join(VARIANTS[:-1])} or {VARIANTS[-1]}. paper and paper-resnet are as "
        "published, except that\nthe paper has no isa-ts and isa-tsr for tetrominoes; quick is "
        "ours, for a CPU.\n"
    )
    print("\n\n".join(describe(*place) for place in PRESETS))
    print(
        "\nWith --backbone, every dataset has two more, in which slots explain features. They are "
        "as those of\nimages, with the slots of the dataset:\n"
    )
    print("\n\n".join(describe("images", name, USUAL_BACKBONE) for name in ("quick", "paper")))
    print(f"\nThe {len(original.NAMES)} published models, by the names of their weights:\n")
    for name in original.NAMES:
        print(f"{name}\n  {command(published_recipe(name))}")


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m training.presets")
