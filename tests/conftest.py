"""The tests run as strictly as JAX allows."""

import equinox as eqx
import jax
import numpy as np
import pytest
from hypothesis import settings

import hub
from isa_eqx import ISA, ISAConfig, Output

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Compiling takes longer than hypothesis allows an example, and is not what is tested.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

SMALL = dict(
    image_size=(14, 11),
    num_slots=3,
    slot_size=8,
    hidden_size=12,
    encoder_channels=(6, 5),
    encoder_strides=(2, 1),
    decoder_channels=(7, 9),
)
# The same with a residual encoder and a convolutional decoder.
DEEP = SMALL | dict(
    image_size=(16, 12),
    encoder_channels=(32, 64),
    encoder_strides=(1, 4),
    encoder_blocks=(1, 2),
    decoder_channels=(7, 9),
    decoder_strides=(2, 1),
)
MODELS = {
    "sa": SMALL | dict(variant="sa"),
    "isa-t": SMALL | dict(variant="isa-t"),
    "isa-ts": SMALL | dict(variant="isa-ts", relative_values=False),
    "isa-tsr": DEEP | dict(variant="isa-tsr"),
    "learnt-grid": DEEP | dict(variant="isa-ts", learnt_grid=True),
}


def filled(config: ISAConfig) -> ISA:
    """A model with every array away from where it starts, so that zeros and ones hide nothing."""
    skeleton = eqx.filter_eval_shape(ISA, config, key=jax.random.key(0))
    draw = np.random.default_rng(0).normal
    arrays = {}
    for name, shape in hub.named_shapes(skeleton).items():
        is_kernel = name.endswith("weight") and len(shape) > 1
        scale = np.prod(shape[1:]) ** -0.5 if is_kernel else 0.3
        offset = 1 if name.endswith("weight") and not is_kernel else 0
        arrays[name] = (offset + draw(scale=scale, size=shape)).astype(np.float32)
    arrays["initial_slots"] /= 0.3
    return hub.fill(skeleton, arrays)


@pytest.fixture(scope="session", params=MODELS)
def small(request: pytest.FixtureRequest) -> ISA:
    """A model of every kind, with sizes that all differ."""
    return filled(ISAConfig(**MODELS[request.param]))


@eqx.filter_jit
def run(model: ISA, image: jax.Array, key: jax.Array) -> Output:
    """The model, compiled: quicker than op by op."""
    return model(image, key=key)
