"""What every model card of an ISA says."""

from typing import Any

import hub

from .config import ISAConfig

_FRAMES = {
    "isa-t": "a position",
    "isa-ts": "a position and a scale along the image's axes",
    "isa-tsr": "a position, a rotation within ±45° and a scale along its axes",
}


def front_matter(config: ISAConfig) -> dict[str, Any]:
    """The fields of `huggingface_hub.ModelCardData` that all cards have."""
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


def method(config: ISAConfig) -> str:
    """What the model is called."""
    return "Slot Attention" if config.variant == "sa" else "Invariant Slot Attention"


def about(config: ISAConfig) -> str:
    """A paragraph on the model."""
    height, width = config.image_size
    apart = f"takes an image of {height}×{width} pixels apart into {config.num_slots} slots, each"
    if config.variant == "sa":
        return (
            f"[Slot Attention](https://arxiv.org/abs/2006.15055) {apart} with a mask and a picture."
        )
    return (
        f"[Invariant Slot Attention](https://arxiv.org/abs/2302.04973) {apart} with a mask, a "
        f"picture and a reference frame: {_FRAMES[config.variant]}. A slot looks at the image and "
        "paints it as seen from its frame."
    )


def usage(config: ISAConfig, name: str, dtype: str = "float32") -> str:
    """A section with the lines that take a picture apart; `name` is what the model is loaded by,
    `dtype` that of its weights.
    """
    height, width = config.image_size
    cast = "" if dtype == "float32" else f'.astype("{dtype}")'
    key = "" if config.variant == "sa" else ", key=jax.random.key(0)"
    return f"""\
## Use it

```python
import jax
import numpy as np
from PIL import Image
from isa_eqx import ISA  # of the library {hub.LIBRARY}

{hub.loading("ISA", name)}
pixels = np.asarray(Image.open("scene.png").convert("RGB"), np.float32) / 255
image = jax.image.resize(pixels, ({height}, {width}, 3), "bilinear", antialias=False){cast}
out = model(image{key})
out.segmentation, out.masks, out.slots, out.frames.position, out.reconstruction
```
"""


def plain(
    config: ISAConfig, name: str, dtype: str = "float32", more: str = "", **fields: Any
) -> str:
    """The card of a model of which nothing else is known, or what `more` says."""
    heading = f"# {method(config)}, {config.variant}"
    more = more or (
        "What it was trained on, how, and how well it does, is for whoever shares it to say here."
    )
    text = "\n\n".join((heading, about(config), more, usage(config, name, dtype)))
    return hub.model_card(text, **front_matter(config) | fields)
