"""bfloat16: where it is used, where it is not, and that little is lost by it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from benchmarks.measure import equations, flops_of
from isa_eqx import ISA, VARIANTS, ISAConfig, published

from ..conftest import KEY, MODELS, filled, run
from ..laws import largest
from ..strategies import picture

# Layers, their biases and relus, and what only moves numbers. All else is a statistic, a softmax,
# a frame or a loss.
LAYERS = {"conv_general_dilated", "dot_general", "add", "max", "convert_element_type"}
MOVED = {"broadcast_in_dim", "reshape", "transpose", "concatenate", "pad", "squeeze", "gather"}
LOW = jnp.dtype("bfloat16")


@pytest.fixture(scope="module", params=["sa", "isa-t", "isa-tsr"])
def pair(request):
    """A model, and the same weights computing in bfloat16."""
    configs = [ISAConfig(**MODELS[request.param], dtype=d) for d in ("float32", "bfloat16")]
    return [filled(config) for config in configs]


def dtypes(variables):
    return {variable.aval.dtype for variable in variables}


def program(model):
    """What a model computes of an image, in JAX's terms."""
    shape = jax.ShapeDtypeStruct((*model.config.image_size, 3), jnp.float32)
    return jax.make_jaxpr(lambda model, image: model(image, key=KEY))(model, shape).jaxpr


def test_nothing_but_layers_computes_in_bfloat16(pair):
    low = [e for e, _ in equations(program(pair[1])) if LOW in dtypes(e.invars)]
    names = {e.primitive.name for e in low}
    assert "conv_general_dilated" in names and names <= LAYERS | MOVED
    for product in (e for e in low if e.primitive.name == "dot_general"):
        (axes, _), _ = product.params["dimension_numbers"]
        assert [product.invars[0].aval.shape[axis] for axis in axes] != [2], "where pixels are"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("architecture", ["tetrominoes", "clevr", "clevrtex_resnet"])
def test_nearly_all_products_are_in_bfloat16(architecture, variant):
    """Without the products of a few slots, and of attention, whose slots see pixels each anew."""
    config = published(architecture, variant, dtype="bfloat16")
    model = eqx.filter_eval_shape(ISA, config, key=KEY)
    work = {True: 0.0, False: 0.0}
    for equation, times in equations(program(model)):
        work[dtypes(equation.invars) == {LOW}] += times * flops_of(equation)
    assert work[True] > 0.98 * sum(work.values())


def test_parameters_and_results_stay_in_float32(pair):
    model = pair[1]
    out = run(model, picture(model, 0), KEY)
    assert {leaf.dtype for leaf in jax.tree.leaves((model, out))} == {jnp.dtype("float32")}


def test_bfloat16_changes_little(pair):
    full, low = (run(model, picture(model, 0), KEY) for model in pair)
    for name in ("slots", "attention", "masks", "slot_reconstructions"):
        exact = getattr(full, name)
        assert largest(getattr(low, name) - exact) < 0.05 * max(1, largest(exact)), name
    assert largest(full.masks - low.masks) > 0
