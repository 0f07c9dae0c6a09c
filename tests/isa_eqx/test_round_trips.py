"""There and back again is where one was."""

import json
import tempfile

import numpy as np

import hub
from isa_eqx import ISA, ISAConfig

from ..conftest import filled
from ..laws import assert_close, decoded, explained, law
from ..strategies import EPSILON, config_fields, frames, picture, seeds, used


@law(fields=config_fields())
def test_a_config_survives_json(fields):
    config = ISAConfig(**fields)
    assert ISAConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@law(fields=config_fields())
def test_a_model_survives_a_folder(fields):
    model = filled(ISAConfig(**fields))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        loaded = ISA.from_pretrained(folder)
    assert loaded.config == model.config
    before, after = hub.named_arrays(model), hub.named_arrays(loaded)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name], err_msg=name)


@law(seed=seeds, frames=frames(smallest=0.1))
def test_slots_and_frames_are_all_that_is_decoded(any_model, seed, frames):
    out = explained(any_model, picture(any_model, seed), used(frames, any_model.symmetry))
    again = decoded(any_model, out.slots, out.frames)
    wanted = out.mask_logits, out.painted.values
    assert_close((again.mask_logits, again.painted.values), wanted, 16 * EPSILON)
