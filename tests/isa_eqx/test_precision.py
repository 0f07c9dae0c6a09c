"""bfloat16: where it is used, where it is not, and that little is lost by it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hub
from benchmarks.measure import equations, flops_of
from isa_eqx import ISA, VARIANTS, ISAConfig, published

from ..conftest import KEY, MODELS, filled, run
from ..laws import explained, largest
from ..strategies import SLOTS, picture

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


@pytest.fixture(scope="module", params=["sa", "isa-tsr"])
def exact(request):
    return filled(ISAConfig(**MODELS[request.param]))


@pytest.mark.parametrize("dtype", [jnp.float16, pytest.param(jnp.bfloat16, marks=pytest.mark.slow)])
def test_a_model_of_16_bits_is_nearly_the_same(exact, dtype):
    """Frames and attention are in float32: a pixel may be 400 units from a small object."""
    image = picture(exact, 0)
    low = jax.tree.map(lambda x: x.astype(dtype), exact)
    start = exact.symmetry.initial(SLOTS, jnp.float32, key=KEY)
    start = dataclasses.replace(start, scale=0.01 * start.scale)
    full, rounded = explained(exact, image, start), explained(low, image.astype(dtype), start)
    assert rounded.slots.dtype == rounded.attention.dtype == rounded.mask_logits.dtype == dtype
    assert {leaf.dtype for leaf in jax.tree.leaves(rounded.frames)} == {jnp.dtype("float32")}
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(rounded))
    assert largest(rounded.attention.astype(jnp.float32) - full.attention) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float16])
def test_slopes_of_16_bits_are_finite(exact, dtype):
    """Also of a black image, whose pixels are all alike."""
    low, black = jax.tree.map(lambda x: x.astype(dtype), exact), jnp.zeros_like(picture(exact, 0))
    slopes = slopes_of(low, black.astype(dtype))
    assert all(jnp.isfinite(slope).all() for slope in jax.tree.leaves(slopes))


@eqx.filter_jit
@eqx.filter_grad
def slopes_of(model, image):
    error = model(image, key=KEY).reconstruction - image
    return jnp.square(error.astype(jnp.float32)).mean()


def test_frames_start_alike_in_every_precision(exact):
    low = jax.tree.map(lambda x: x.astype(jnp.float16), exact)
    image, wanted = (
        picture(low, 0).astype(jnp.float16),
        exact.symmetry.initial(SLOTS, jnp.float32, key=KEY),
    )
    np.testing.assert_array_equal(run(low, image, KEY).slots, run_from(low, image, wanted).slots)


@eqx.filter_jit
def run_from(model, image, frames):
    return model(image, frames=frames)


def test_another_number_of_slots_is_asked_for_in_the_config():
    model = filled(ISAConfig(**MODELS["isa-t"]))
    fewer = eqx.tree_at(lambda m: m.initial_slots, model, model.initial_slots[:2])
    with pytest.raises(ValueError, match=r"initial_slots are \(2, 8\), but config has num_slots=3"):
        fewer(picture(model, 0), key=KEY)
    config = dataclasses.replace(model.config, num_slots=2)
    arrays = hub.named_arrays(fewer)
    two = hub.fill_tree(eqx.filter_eval_shape(ISA, config, key=KEY), arrays)
    assert run(two, picture(model, 0), KEY).slots.shape == (2, 8)
