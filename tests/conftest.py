"""The tests run as strictly as JAX allows."""

import equinox as eqx
import jax
import pytest
from hypothesis import settings

from isa_eqx import ISA, ISAConfig

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


@pytest.fixture(scope="session", params=["sa", "isa-t"])
def small(request: pytest.FixtureRequest) -> ISA:
    """A model of every variant, with sizes that all differ."""
    # Compiled whole, which is quicker than op by op.
    return eqx.filter_jit(ISA)(ISAConfig(variant=request.param, **SMALL), key=jax.random.key(0))
