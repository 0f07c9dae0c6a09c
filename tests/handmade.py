"""A model whose weights are made by hand where that is needed to know what it will see.

Two slots share whatever is not black, and the last takes the black rest, which it paints the same
everywhere. How the two share, what they see in it and how they paint it is random.
"""

import numpy as np

import hub
from isa_eqx import ISA, ISAConfig

from .conftest import SMALL, filled

PIXELWISE = SMALL | dict(image_size=(23, 27), encoder_strides=(1, 1))
# The decoder's first grid is the grid of the features, as in every published model.
CONVOLUTIONAL = SMALL | dict(image_size=(44, 40), decoder_strides=(2, 1))

LIT, DULL = 0, 1  # channels: whether a slot wants light; whether it paints the same everywhere


def handmade(config: ISAConfig, kind: type[ISA] = ISA) -> ISA:
    """Such a model."""
    model, size = filled(config, kind), config.slot_size
    weights = {name: np.array(array) for name, array in hub.named_arrays(model).items()}
    w = {name.removeprefix("attention."): array for name, array in weights.items()}  # shared

    # The first feature is large wherever anything is lit; on black, every feature is zero, and
    # after the norm it is -3.
    for name in weights:
        if name.startswith("encoder") and name.endswith("bias"):
            weights[name][:] = 0
    weights["encoder.layers.1.weight"][0] = 5 * np.abs(weights["encoder.layers.1.weight"][0])
    w["norm_features.weight"][0], w["norm_features.bias"][0] = 4, -3

    # Through all layers, keys keep the sign of that, whatever the pixel's place.
    w["key.weight"][LIT] = [1] + [0] * (config.encoder_channels[-1] - 1)
    w["grid_encoder.position.weight"] *= 0.3
    for array in ("weight", "bias"):
        w[f"grid_encoder.position.{array}"][LIT] = 0
    w["grid_encoder.mlp.norm.weight"][LIT], w["grid_encoder.mlp.norm.bias"][LIT] = 1, 0
    w["grid_encoder.mlp.hidden.weight"][:2] = [[1], [-1]] * np.eye(size)[LIT]
    w["grid_encoder.mlp.hidden.bias"][:2] = 0
    w["grid_encoder.mlp.out.weight"][LIT] = [1, -1] + [0] * (config.hidden_size - 2)
    w["grid_encoder.mlp.out.bias"][LIT] = 0

    # Slots keep what they want in every round, and queries ask for nothing but that loudly.
    weights["initial_slots"][:, [LIT, DULL]] = [[4, 0], [4, 0], [-4, -8]]
    w["norm_slots.weight"][LIT], w["norm_slots.bias"][LIT] = 1, 0
    w["query.weight"][LIT] = 60 * np.eye(size)[LIT]
    for channel in (LIT, DULL):
        w["gru.weight_ih"][size + channel] = w["gru.weight_hh"][size + channel] = 0
        w["gru.bias"][size + channel] = 50
        w["mlp.out.weight"][channel] = w["mlp.out.bias"][channel] = 0

    # The decoder's first layer is silent for a slot of -8; masks are not all alike.
    weights["decoder.alpha.weight"] *= 5
    for array in ("weight", "bias"):
        weights[f"decoder.position.{array}"][DULL] = 0
    weights["decoder.layers.0.weight"][:, DULL] = 3
    return hub.fill_tree(model, weights)
