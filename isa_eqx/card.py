"""The model card of an ISA: what all of them say."""

from typing import Any

import hub

from .config import ISAConfig

_FRAMES = {
    "isa-t": "a position",
    "isa-ts": "a position and a scale along the image's axes",
    "isa-tsr": "a position, a rotation within ±45° and a scale along its axes",
}


def front_matter(config: ISAConfig) -> dict[str, Any]:
    """Return the fields of `huggingface_hub.ModelCardData` that all cards have."""
    invariant = () if config.variant == "sa" else ("invariant-slot-attention",)
    return dict(
        library_name=hub.LIBRARY,
        pipeline_tag="image-segmentation",
        tags=[
            "object-centric-learning",
            "slot-attention",
            *invariant,
            config.variant,
            "jax",
            "equinox",
        ],
    )


def method_name(config: ISAConfig) -> str:
    """Return the name of the method, such as Slot Attention."""
    return "Slot Attention" if config.variant == "sa" else "Invariant Slot Attention"


def describe_model(config: ISAConfig) -> str:
    """Return a paragraph that describes the model."""
    height, width = config.image_size
    apart = f"takes an image of {height}×{width} pixels apart into {config.num_slots} slots, each"
    painted = "a reconstruction" if config.target == "colours" else "features that it explains"
    if config.variant == "sa":
        said = (
            f"[Slot Attention](https://arxiv.org/abs/2006.15055) {apart} with a mask and {painted}."
        )
    else:
        said = (
            f"[Invariant Slot Attention](https://arxiv.org/abs/2302.04973) {apart} with a mask, "
            f"{painted} and a reference frame: {_FRAMES[config.variant]}. Attention and decoding "
            "happen in the slot's own frame."
        )
    if config.target == "colours":
        return said
    return (
        f"{said} Slots explain not colours, but features of a frozen backbone (as in "
        f"[DINOSAUR](https://arxiv.org/abs/2209.14860)), `{config.backbone}`, of "
        f"{config.patch_size}×{config.patch_size} pixels each. It is not part of this model: it is "
        "fetched when the model is loaded, and is under its own licence."
    )


def usage_section(config: ISAConfig, name: str, dtype: str = "float32") -> str:
    """Return a section with the lines that segment an image.

    - `name`: the folder or repo that the model is loaded from.
    - `dtype`: of its weights.
    """
    height, width = config.image_size
    cast = "" if dtype == "float32" else f'.astype("{dtype}")'
    key = "" if config.variant == "sa" else ", key=jax.random.key(0)"
    is_coloured = config.target == "colours"
    painted = "out.reconstruction" if is_coloured else "out.attention"
    antialias = str(not is_coloured)  # published models were trained without
    return f"""\
## Use it

```python
import jax
import numpy as np
from PIL import Image
from isa_eqx import ISA  # of the library {hub.LIBRARY}

{hub.loading_line("ISA", name)}
pixels = np.asarray(Image.open("scene.png").convert("RGB"), np.float32) / 255
image = jax.image.resize(pixels, ({height}, {width}, 3), "bilinear", antialias={antialias}){cast}
out = model(image{key})
out.segmentation, out.masks, out.slots, out.frames.position, {painted}
```
"""


def default_card(
    config: ISAConfig, name: str, dtype: str = "float32", more: str = "", **fields: Any
) -> str:
    """Return the card of a model whose training is unknown; `more` is a paragraph on its origin."""
    heading = f"# {method_name(config)}, {config.variant}"
    more = more or (
        "What it was trained on, how, and how well it does, is for whoever shares it to say here."
    )
    text = "\n\n".join((heading, describe_model(config), more, usage_section(config, name, dtype)))
    return hub.model_card(text, **front_matter(config) | fields)
