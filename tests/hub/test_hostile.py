"""Nothing hostile gets in: a foreign file loads as a model or is a ValueError, and does no more."""

import json
import string
import struct
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hub
from isa_eqx import ISA, ISAConfig

from ..conftest import HUB, KEY, SMALL, assert_same, filled

BILLION = 10**9


@pytest.fixture(scope="module")
def model():
    return filled(ISAConfig(**SMALL))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "model"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def untouched(folder):
    """Both files are back after a test, and nothing else was written."""
    contents = {path: path.read_bytes() for path in folder.iterdir()}
    yield
    assert set(folder.parent.rglob("*")) == {folder, *contents}
    for path, content in contents.items():
        path.write_bytes(content)


def refusal(folder):
    with pytest.raises(ValueError) as caught:
        ISA.from_pretrained(folder)
    assert len(str(caught.value)) < 10_000 and str(caught.value).isprintable()
    return str(caught.value)


def nested(depth, value="1"):
    return "[" * depth + value + "]" * depth


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_slots": BILLION}, "num_slots must be whole numbers from 1 to 16,384, got 10000000"),
        ({"image_size": [BILLION, BILLION]}, "image_size must be whole numbers from 1 to 16,384"),
        (
            {"encoder_channels": [BILLION]},
            "encoder_channels must be whole numbers from 1 to 16,384",
        ),
        ({"num_rounds": 1000}, "num_rounds must be at most 256 layers or rounds, got 1000"),
        ({"encoder_blocks": [9000, 9000]}, "encoder_blocks must be at most 256 layers or rounds"),
        ({"decoder_channels": [8] * 9000}, "decoder_channels must be at most 256 layers or rounds"),
        ({"hidden_size": -3}, "hidden_size must be whole numbers from 1 to 16,384, got -3"),
        ({"hidden_size": 10**400}, "hidden_size must be whole numbers from 1 to 16,384"),
        ({"hidden_size": "3"}, "hidden_size must be a whole number, got '3'"),
        ({"hidden_size": 3.0}, "hidden_size must be a whole number, got 3.0"),
        ({"hidden_size": True}, "hidden_size must be a whole number, got True"),
        ({"hidden_size": None}, "hidden_size must be a whole number, got None"),
        ({"hidden_size": float("nan")}, "hidden_size must be a whole number, got nan"),
        ({"hidden_size": {"__class__": "os.system"}}, "hidden_size must be a whole number, got {"),
        ({"encoder_channels": 3}, "encoder_channels must be a list of whole numbers, got 3"),
        ({"encoder_channels": [6, "5"]}, "must be a list of whole numbers, got [6, '5']"),
        ({"encoder_channels": [[6], [5]]}, "must be a list of whole numbers, got [[6], [5]]"),
        ({"image_size": [14, 11, 3]}, "image_size must be (height, width), got [14, 11, 3]"),
        ({"relative_values": 0}, "relative_values must be true or false, got 0"),
        (
            {"variant": "isa-ts", "learnt_grid": True, "encoder_channels": [6, 2]},
            "learnt_grid takes two of the last encoder_channels, of which at least one must remain",
        ),
        ({"fingerprint": 3}, "fingerprint is 3"),
        ({"variant": 3}, "variant must be a string, got 3"),
        ({"variant": "isa-tt"}, "Unknown variant 'isa-tt'"),
        ({"variant": "__import__('os').system('true')"}, "Unknown variant"),
        ({"dtype": "../../etc/passwd"}, "Unknown dtype '../../etc/passwd'"),
        ({"hidden_sise": 3}, "Did you mean 'hidden_size'"),
        ({"auto_map": {"AutoModel": "modeling.Evil"}}, "Unknown field of ISAConfig 'auto_map'"),
        ({"\x1b[2J" * 100: 3}, r"Unknown field of ISAConfig '\x1b[2J"),
        ({"model_type": "bert"}, "is no config of isa: its model_type is 'bert'"),
        ({"model_type": None}, "is no config of isa: its model_type is None"),
        ({"model_type": ["isa"]}, "is no config of isa: its model_type is ['isa']"),
        ({"format_version": 2}, "in format 2; this is"),
        ({"format_version": "1"}, "format_version must be a whole number, got '1'"),
        ({"format_version": True}, "format_version must be a whole number, got True"),
    ],
)
def test_a_config_that_is_none_is_said(folder, change, message):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    said = refusal(folder)
    assert message in said and "config.json" in said


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[1, 2]", b'"isa"', b"\xff\xfe\x00", b"{} {}", b"NaN", b"<html>",
        nested(900).encode(), nested(100_000 // 2 - 1).encode(), b"[" * 90_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"model_type": ' + nested(900).encode() + b"}",
        b'{"model_type": "isa", "format_version": 1, "hidden_size": ' + nested(900).encode() + b"}",
        b'{"hidden_size": ' + b"9" * 90_000 + b"}", b" " * 100_001,
        b'{"model_type": "isa", "format_version": 1, "num_slots": 3, "num_slots": 4}',
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_no_config_is_said(folder, content):
    (folder / "config.json").write_bytes(content)
    assert "config.json" in refusal(folder)


def test_a_config_is_not_read_beyond_what_one_can_be(folder):
    """Also where the Hub did not say how large it is."""
    path = folder / "config.json"
    path.write_bytes(path.read_bytes() + b" " * 100_000)
    with pytest.raises(ValueError, match="it has more than 100,000 bytes"):
        hub.config_file.read(path)
    assert "config.json has 100," in refusal(folder)


def test_a_config_that_is_not_there_is_said(folder):
    content = (folder / "config.json").read_bytes()
    (folder / "config.json").unlink()
    assert refusal(folder).endswith("holds no model: no config.json there.")
    (folder / "config.json").write_bytes(content)


def weights(header, data=b""):
    """A safetensors file with any header."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header)) + header + data


def parts(folder):
    """The header and the data of the true file."""
    content = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


SLOTS = "initial_slots"
EMPTY = dict(dtype="F32", shape=[0], data_offsets=[0, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(shape=[BILLION, 8]), "is damaged or no safetensors file"),
        (dict(shape=[2**62, 4]), "is damaged or no safetensors file"),
        (dict(shape=[-3, -8]), "is damaged or no safetensors file"),
        (dict(shape=[8, 3]), "initial_slots should be (3, 8), is (8, 3)"),
        (dict(shape=[24]), "initial_slots should be (3, 8), is (24,)"),
        (dict(shape=[1] * 5000 + [24]), "initial_slots should be (3, 8), is (1, 1"),
        (dict(dtype="I32"), "initial_slots should be float32, is int32"),
        (dict(dtype="U32"), "initial_slots should be float32, is uint32"),
        (dict(dtype="F64"), "is damaged or no safetensors file"),
        (dict(dtype="F99"), "is damaged or no safetensors file"),
        (dict(dtype="C64", shape=[3, 4]), "holds C64; what is read is BOOL, I8"),
        (dict(dtype="F8_E4M3", shape=[3, 32]), "holds F8_E4M3; what is read is"),
        (dict(dtype="\x1b[2J\x07\nnew line"), "is damaged or no safetensors file"),
        (dict(dtype="os.system"), "is damaged or no safetensors file"),
        (dict(data_offsets=[0, 2**63]), "is damaged or no safetensors file"),
        (dict(data_offsets=[-96, 0]), "is damaged or no safetensors file"),
        (dict(data_offsets=[96, 0]), "is damaged or no safetensors file"),
        (dict(data_offsets="all"), "is damaged or no safetensors file"),
    ],
)
def test_a_header_that_lies_is_said(folder, change, message):
    header, data = parts(folder)
    header[SLOTS] |= change
    (folder / "model.safetensors").write_bytes(weights(header, data))
    said = refusal(folder)
    assert message in said and "model.safetensors" in said


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, -1])
def test_weights_cut_short_are_said(folder, cut):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:cut])
    assert "model.safetensors is damaged or no safetensors file" in refusal(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>404</html>",
        weights(b"[" * 100_000),
        weights(b'{"a":' * 100_000),
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 90_000_000) + b"{}",
        weights({}),
        weights({f"../../{i}": EMPTY for i in range(20_000)}),
        weights(b" " * 2**20 + b"{}"),
        weights({"__metadata__": {"run": "os.system"}}),
        weights({"__metadata__": [1]}),
        weights({f"../../{i}": EMPTY for i in range(9999)}),
        weights({"\x1b[2J" * 999: EMPTY}),
        weights({"x": dict(dtype="F32", shape=[0, BILLION], data_offsets=[0, 0])}),
    ],
    ids=range(13),
)
def test_foreign_weights_are_said(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    assert "model.safetensors" in refusal(folder)


def test_what_is_too_large_for_its_config_is_not_downloaded(folder, tmp_path):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name, size in (("config.json", 100_001), ("model.safetensors", 2_000_000)):
        HUB.clear()
        HUB.put("user/isa", files | {name: b" " * size})
        with pytest.raises(ValueError, match=f"{name} of user/isa@main has {size:,} bytes"):
            ISA.from_pretrained("user/isa", cache_dir=tmp_path)
        assert not [r for r in HUB.requests if r.startswith("GET") and r.endswith(name)]


def test_little_memory_is_taken_before_a_file_is_refused(folder):
    """Configs of huge models, and weights that claim to be theirs."""
    config = json.loads((folder / "config.json").read_text())
    deep = dict(encoder_channels=[32] * 64, encoder_strides=[1] * 64, encoder_blocks=[4] * 64)
    huge = dict(num_slots=16_384, slot_size=16_384, hidden_size=16_384, image_size=[16_384, 16_384])
    files = [
        (config | huge, parts(folder)[0], parts(folder)[1]),
        (
            config | huge,
            {SLOTS: dict(dtype="F32", shape=[2**14] * 2, data_offsets=[0, 2**30])},
            b"",
        ),
        (config | {"encoder_channels": [2**14] * 256, "encoder_strides": [1] * 256}, {}, b""),
        (config | {"num_slots": BILLION}, {}, b""),
        (config, {SLOTS: dict(dtype="F32", shape=[BILLION] * 9, data_offsets=[0, 0])}, b""),
        (config | huge, b'{"x": [' + b"0," * 30_000_000 + b"0]}", b""),
        (config | deep, {}, b""),
    ]
    for number, (fields, header, data) in enumerate(files):
        case = folder.parent.parent / f"case{number}"
        case.mkdir()
        (case / "config.json").write_text(json.dumps(fields))
        (case / "model.safetensors").write_bytes(weights(header, data))
    program = f"""
import resource
from isa_eqx import ISA
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
ISA.from_pretrained({str(folder)!r})
before = peak()
for number in range({len(files)}):
    try:
        ISA.from_pretrained({str(folder.parent.parent / "case")!r} + str(number))
    except ValueError:
        print("refused", end=" ")
print(peak() - before)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    *refused, megabytes = said.stdout.split()
    assert refused == ["refused"] * len(files), said.stderr
    assert float(megabytes) < 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_loads_or_is_refused(folder, file, content):
    """With this in the place of a file it is refused, or a model as its config says."""
    before = (folder / file).read_bytes()
    (folder / file).write_bytes(content)
    try:
        model = ISA.from_pretrained(folder)
    except ValueError:
        return
    finally:
        (folder / file).write_bytes(before)
    skeleton = eqx.filter_eval_shape(ISA, model.config, key=KEY)
    assert hub.named_shapes(model) == hub.named_shapes(skeleton)
    assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(model))


@fuzz
@given(
    st.dictionaries(
        st.sampled_from([*SMALL, "variant", "dtype", "model_type", "learnt_grid"]) | st.text(),
        json_values | st.integers(1, 40) | st.lists(st.integers(1, 40), max_size=5),
        max_size=3,
    )
)
def test_any_json_is_a_config_or_refused(folder, changes):
    config = json.loads((folder / "config.json").read_text()) | changes
    assert_loads_or_is_refused(folder, "config.json", json.dumps(config).encode())


@st.composite
def damaged(draw, content):
    """Some bytes put in the place of others."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(content)


@fuzz
@given(st.data())
def test_any_bytes_are_a_config_or_refused(folder, data):
    content = data.draw(damaged((folder / "config.json").read_bytes()))
    assert_loads_or_is_refused(folder, "config.json", content)


tensors = st.fixed_dictionaries(
    {},
    optional=dict(
        dtype=st.sampled_from(["F16", "F32", "F64", "BF16", "I32", "U8", "BOOL", "F4"]) | st.text(),
        shape=st.lists(st.integers(-1, 30) | st.integers(), max_size=4) | json_values,
        data_offsets=st.lists(st.integers(-1, 10_000) | st.integers(), max_size=3) | json_values,
    ),
)


@fuzz
@given(st.data())
def test_any_header_is_that_of_the_model_or_refused(folder, data):
    header, numbers = parts(folder)
    for _ in range(data.draw(st.integers(1, 2))):
        name = data.draw(st.sampled_from(sorted(header)) | st.text(string.printable))
        header[name] = header.get(name, {}) | data.draw(tensors)
    assert_loads_or_is_refused(folder, "model.safetensors", weights(header, numbers))


@fuzz
@given(st.data())
def test_any_bytes_are_weights_or_refused(folder, data):
    content = (folder / "model.safetensors").read_bytes()
    size = 8 + struct.unpack("<Q", content[:8])[0]
    head = data.draw(damaged(content[:size]))
    assert_loads_or_is_refused(folder, "model.safetensors", head + content[size:])


def test_metadata_and_order_do_not_matter(folder, model):
    """What is refused is what is wrong, not what is unusual."""
    header, data = parts(folder)
    header = {"__metadata__": {"format": "np"}} | dict(reversed(header.items()))
    (folder / "model.safetensors").write_bytes(weights(header, data))
    assert_same(ISA.from_pretrained(folder), model)
