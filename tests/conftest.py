"""The tests run as strictly as JAX allows."""

import atexit
import contextlib
import copy
import gc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import filelock
import jax
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

import hub
from isa_eqx import ISA, VARIANTS, ISAConfig, Output, backbones
from isa_eqx.attention import SlotAttention
from isa_eqx.symmetries import SYMMETRIES, Symmetry

from . import handmade_backbone
from .loopback import LoopbackHub
from .releases import multi_object, releases

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

TRAINED = Path(__file__).parents[1] / "models"  # that come with the code
MAX_MAPS, PROGRAMS = 45_000, 20  # of a worker, which looks after so many programs

# The Hub of all tests and of the processes they start is on this machine. Its client reads these
# once, when it is imported, so they are set before.
HUB = LoopbackHub()
_home = tempfile.mkdtemp(prefix="isa-eqx-hub-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING"))]:
    del os.environ[name]
os.environ |= {
    "HF_ENDPOINT": HUB.url,
    "HF_HOME": _home,
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_ETAG_TIMEOUT": "2",
    "HF_HUB_DOWNLOAD_TIMEOUT": "2",
}

# Tracing makes many objects that live on; to look for cycles among all of them, as often as Python
# does by itself, takes a tenth of the time.
gc.set_threshold(100_000, 50, 1000)

# What a test looks for elsewhere: libraries do, for a server that counts or greets.
_elsewhere: list[str] = []


def _noted(event: str, arguments: tuple) -> None:
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost"):
        _elsewhere.append(str(arguments[0]))


sys.addaudithook(_noted)

# Compiling takes longer than running, and small models run fast however they are compiled: with
# XLA's older emitter, in a third of the time. What the compiler may change is tested
# `fully_optimised`, and in CI with the usual emitter, by these options of `jax.jit`. XLA ends a
# process that has a flag it does not know.
QUICK = "--xla_cpu_use_fusion_emitters=false"
if "XLA_FLAGS" not in os.environ:
    program = [sys.executable, "-c", "import jax; jax.jit(lambda: 0)()"]
    tried = subprocess.run(program, env=os.environ | {"XLA_FLAGS": QUICK}, capture_output=True)
    if tried.returncode == 0:
        os.environ["XLA_FLAGS"] = QUICK  # also of workers, and of processes that tests start
is_quick = os.environ.get("XLA_FLAGS") == QUICK
AS_FOR_USERS = {"xla_cpu_use_fusion_emitters": True} if is_quick and "CI" in os.environ else {}
jax.config.update("jax_disable_most_optimizations", True)
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"  # of processes that tests start

# The same examples every time, so that a test that fails blames the change: a hundred of every law
# in CI, thirty on one's own machine. To look for others: `--hypothesis-profile thorough`. No
# deadline: an example may have to compile.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=30)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile("ci" if "CI" in os.environ else "default")
# A failing example is printed without the thousand weights of what it was tried on.
for kind in (ISA, SlotAttention):
    kind._repr_pretty_ = lambda self, printer, cycle: printer.text(f"<{type(self).__name__}>")

KEY = jax.random.key(0)
SMALL = dict(
    image_size=(14, 11),
    num_slots=3,
    slot_size=8,
    hidden_size=12,
    encoder_channels=(6, 5),
    encoder_strides=(2, 1),
    decoder_channels=(7, 9),
)
# The same of features: of 4 × 3 patches.
FEATURES = SMALL | dict(
    image_size=(16, 12),
    encoder_channels=(5,),
    encoder_strides=(1,),
    components=6,
    **handmade_backbone.of_config(),
)
# The same with a residual encoder and a convolutional decoder.
DEEP = SMALL | dict(
    image_size=(16, 12),
    encoder_channels=(32, 64),
    encoder_strides=(1, 4),
    encoder_blocks=(1, 1),
    decoder_channels=(7, 9),
    decoder_strides=(2, 1),
)
MODELS = {
    "sa": SMALL | dict(variant="sa"),
    "isa-t": SMALL | dict(variant="isa-t"),
    "isa-ts": SMALL | dict(variant="isa-ts", relative_values=False),
    "isa-tsr": DEEP | dict(variant="isa-tsr"),
    # Two of its features become the grid: a layer norm of the last three would lose digits.
    "learnt-grid": SMALL | dict(variant="isa-ts", learnt_grid=True, encoder_channels=(6, 10)),
}


def randomised(skeleton: eqx.Module) -> Any:
    """The module with every array away from where it starts: zeros and ones would hide much."""
    draw = np.random.default_rng(0).normal
    arrays = {}
    for name, shape in hub.named_shapes(skeleton).items():
        is_kernel = name.endswith("weight") and len(shape) > 1
        scale = np.prod(shape[1:]) ** -0.5 if is_kernel else 0.3
        is_gain = name.endswith(("weight", "scale")) and not is_kernel
        offset = 1 if is_gain else 0
        arrays[name] = (offset + draw(scale=scale, size=shape)).astype(np.float32)
    return hub.fill_tree(skeleton, arrays)


def filled(config: ISAConfig, kind: type[ISA] = ISA) -> ISA:
    """A model with random weights, and with its backbone if it has one."""
    model = randomised(eqx.filter_eval_shape(kind, config, key=KEY))
    model = eqx.tree_at(lambda m: m.initial_slots, model, replace_fn=lambda slots: slots / 0.3)
    return model.with_backbone(backbones.load(config.backbone)) if config.backbone else model


def assert_same(a: ISA, b: ISA) -> None:
    """They have the same configuration and the same weights, bit for bit."""
    assert a.config == b.config
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for name, array in hub.named_arrays(a).items():
        other = hub.named_arrays(b)[name]
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other, err_msg=name)


def run_lines(card: Path) -> Output:
    """What the lines on a model card make of a picture, here called `scene.png`."""
    Image.new("RGB", (80, 60), "navy").save("scene.png")
    (lines,) = re.findall(r"```python\n(.*?)```", card.read_text(encoding="utf-8"), re.DOTALL)
    assert len(lines.splitlines()) <= 10
    names = {}
    exec(lines, names)
    return names["out"]


def slot_attention(symmetry: Symmetry, kind: type[SlotAttention] = SlotAttention) -> SlotAttention:
    """Slot attention with random weights, on features as long as slots."""
    config = ISAConfig(**SMALL | dict(encoder_channels=(6, SMALL["slot_size"])))
    return randomised(eqx.filter_eval_shape(kind, config, symmetry, key=KEY))


def of_rounds(attention: SlotAttention, count: int) -> SlotAttention:
    """The same attention with another number of rounds."""
    other = copy.copy(attention)
    object.__setattr__(other, "num_rounds", count)
    return other


def pytest_configure(config: pytest.Config) -> None:
    """CI runs all tests, a person those that are not slow, unless `-m` has a word on them."""
    asked = config.option.markexpr
    if "CI" not in os.environ and "slow" not in asked:
        config.option.markexpr = f"({asked}) and not slow" if asked else "not slow"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of modules without a quick test, `-m quick` does not even import what they test."""
    only_quick = config.option.markexpr in ("quick", "(quick) and not slow")
    if only_quick and collection_path.match("test_*.py"):
        return "mark.quick" not in collection_path.read_text() or None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first, so that processes side by side end together."""
    items.sort(key=lambda item: item.path.stem not in ("test_parity", "test_run"))


_compiled: list[str] = []  # a name for each program since the last look


def _note_program(name: str, seconds: float, **about: Any) -> None:
    if name.endswith("/backend_compile_duration"):
        _compiled.append(name)


jax.monitoring.register_event_duration_secs_listener(_note_program)


@pytest.fixture(autouse=True)
def few_programs() -> Iterator[None]:
    """Compiled programs are memory maps, up to a thousand each, of which Linux allows 65,530."""
    yield
    maps = Path("/proc/self/maps")
    if len(_compiled) >= PROGRAMS and maps.exists():
        _compiled.clear()
        if maps.read_bytes().count(b"\n") > MAX_MAPS:
            jax.clear_caches()


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """A test that looks for another machine has failed."""
    yield
    found, _elsewhere[:] = _elsewhere.copy(), []
    assert not found


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[], Any]) -> Any:
    """What `make` returns, as JSON: of several workers, the first makes it, the others wait."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    file = tmp_path_factory.getbasetemp().parent / f"{name}.json"
    with filelock.FileLock(f"{file}.lock"):
        if not file.exists():
            file.write_text(json.dumps(make()))
    return json.loads(file.read_text())


def slow(*values: Any) -> Any:
    """A case of a test that is run where slow tests are."""
    return pytest.param(*values, marks=pytest.mark.slow)


@contextlib.contextmanager
def fully_optimised() -> Iterator[None]:
    """What is compiled from here on, and was not before, is optimised as for users."""
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", True)


@contextlib.contextmanager
def other_settings() -> Iterator[None]:
    """JAX as another program may have set it, in all that random numbers depend on."""
    with (
        jax.enable_x64(True),
        jax.default_prng_impl("rbg"),
        jax.threefry_partitionable(False),
    ):
        yield


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple]:
    """What the publishers of the datasets released, by name: dataset, split, source, contents."""
    return releases(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="session")
def tetrominoes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror of Tetrominoes, of which 17 rows are to train on."""
    from hub.mirror import mirror
    from hub.mirror.targets import FolderTarget

    folder = tmp_path_factory.mktemp("tetrominoes")
    source, _, _ = multi_object("tetrominoes", folder, count=117)
    mirror("tetrominoes", [source], FolderTarget(folder / "mirror"))
    return folder / "mirror"


@pytest.fixture(scope="module")
def scenes() -> Any:
    """What the recipe `TINY` is trained on."""
    from training.data import load

    from .tiny import TINY

    return load(TINY.dataset, "train", TINY.train_examples)


@pytest.fixture(scope="session", params=MODELS)
def small(request: pytest.FixtureRequest) -> ISA:
    """A model of every kind, with sizes that all differ."""
    return filled(ISAConfig(**MODELS[request.param]))


@pytest.fixture(scope="session", params=[*MODELS, "features"])
def any_model(request: pytest.FixtureRequest) -> ISA:
    """The same, and one that explains features."""
    of_features = FEATURES | dict(variant="isa-ts")
    return filled(ISAConfig(**MODELS.get(request.param, of_features)))


@pytest.fixture(scope="session", params=VARIANTS)
def attention(request: pytest.FixtureRequest) -> SlotAttention:
    return slot_attention(SYMMETRIES[request.param]())


@eqx.filter_jit
def run(model: ISA, image: jax.Array, key: jax.Array) -> Output:
    """The model, compiled: quicker than op by op."""
    return model(image, key=key)
