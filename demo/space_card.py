"""The front page of a Space."""

import importlib.metadata
import sys
from typing import Any


def space_card(dataset: str, model: str | None) -> str:
    """Return the front page of a Space, with the front matter that the Hub builds it by.

    - `model`: the repo of its model, `None` if the Space holds the model itself.

    Raises a `ValueError` if gradio is not installed: the Space is to have the same version.
    """
    from huggingface_hub import SpaceCard, SpaceCardData

    try:
        gradio = importlib.metadata.version("gradio")
    except importlib.metadata.PackageNotFoundError as error:
        raise ValueError('a Space needs gradio: pip install "isa-eqx[demo]".') from error
    fields: dict[str, Any] = dict(
        title=f"Slots and their frames: {dataset}",
        emoji="🧩",
        colorFrom="blue",
        colorTo="green",
        sdk="gradio",
        sdk_version=gradio,
        python_version="{}.{}".format(*sys.version_info),
        app_file="app.py",
        license="apache-2.0",
        short_description="Objects found without labels, moved by hand",
    )
    if model is not None:
        fields["models"] = [model]
    text = (
        f"# Slots and their frames: {dataset}\n\nAn image is taken apart into slots, one for each "
        "object, learnt without labels. Click an object, and move, scale or turn it by its frame."
        "\n\nThe app is `demo.app` of isa-eqx."
    )
    return str(SpaceCard(f"---\n{SpaceCardData(**fields).to_yaml()}\n---\n\n{text}\n"))
