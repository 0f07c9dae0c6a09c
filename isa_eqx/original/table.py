"""Which published parameter is which of ours, and how its axes differ: one table."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator

import jax.numpy as jnp
from jaxtyping import Array

from ..config import ISAConfig

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Layout:
    """How published arrays are converted to one of ours.

    - `shape`: function from the shape of ours to that of each published one.
    - `convert`: function from the published arrays to ours.
    """

    shape: Callable[[Shape], Shape]
    convert: Callable[..., Array]


SAME = Layout(lambda s: s, lambda x: x)
KERNEL = Layout(lambda s: s[::-1], lambda x: x.T)
ONE_HEAD = Layout(lambda s: (s[1], 1, s[0]), lambda x: x[:, 0].T)
CONV_KERNEL = Layout(lambda s: (*s[2:], s[1], s[0]), lambda x: x.transpose(3, 2, 0, 1))
CONV_BIAS = Layout(lambda s: s[:1], lambda x: x[:, None, None])
GATE_KERNELS = Layout(lambda s: (s[1], s[0] // 3), lambda *x: jnp.concatenate(x, axis=1).T)
GATE_BIASES = Layout(lambda s: (s[0] // 3,), lambda *x: jnp.concatenate(x))


@dataclasses.dataclass(frozen=True)
class Entry:
    """An array of ours, and the published ones that it is made of."""

    ours: str
    published: tuple[str, ...]
    layout: Layout


# The published modules' names, which Flax made from those of their classes: attention, slots.
_MODULES = {
    "sa": ("SlotAttention_0", "ParamStateInit_0"),
    "isa-t": ("SlotAttentionTranslEquiv_0", "ParamStateInitRandomPositions_0"),
    "isa-ts": ("SlotAttentionTranslScaleEquiv_0", "ParamStateInitRandomPositionsScales_0"),
    "isa-tsr": (
        "SlotAttentionTranslRotScaleEquiv_0",
        "ParamStateInitRandomPositionsRotationsScales_0",
    ),
}
_ENCODER, _DECODER = "FrameEncoder_0", "SiameseSpatialBroadcastDecoder_0"


def entries(config: ISAConfig) -> Iterator[Entry]:
    """Iterate over all trainable parameters of a model."""
    attention, slots = _MODULES[config.variant]
    yield Entry("initial_slots", (f"{slots}/state_init",), SAME)
    yield from _encoder(config)
    if config.variant == "sa" or config.learnt_grid:
        embedding = f"{_ENCODER}/PositionEmbedding_0"
        yield from _dense("position_embedding.position", f"{embedding}/dense_pe_0")
        yield from _mlp("position_embedding.mlp", f"{embedding}/MLP_0")
    yield from _attention(config, attention)
    yield from _decoder(config)


def variant_of(paths: Iterable[str]) -> str | None:
    """Return the variant that published paths belong to, `None` if they do not show it."""
    modules = {path.partition("/")[0] for path in paths}
    return next((v for v, (attention, _) in _MODULES.items() if attention in modules), None)


def grids(config: ISAConfig) -> dict[str, tuple[int, int]]:
    """Return (height, width) of the coordinate grids that a checkpoint may have as parameters."""
    smaller, larger = math.prod(config.encoder_strides), math.prod(config.decoder_strides)
    height, width = config.image_size
    return {
        f"{_ENCODER}/PositionEmbedding_0/pos_embedding": (height // smaller, width // smaller),
        f"{_decoder_embedding(config)}/pos_embedding": (height // larger, width // larger),
    }


def _encoder(config: ISAConfig) -> Iterator[Entry]:
    if not config.encoder_blocks:
        for i in range(len(config.encoder_channels)):
            yield from _conv(f"encoder.layers.{i}", f"{_ENCODER}/SimpleCNN_0/conv_simple_{i}")
        return
    ours, theirs = "encoder.network", f"{_ENCODER}/ResNet_0"
    yield from _conv(f"{ours}.stem", f"{theirs}/init_conv", bias=False)
    yield from _norm(f"{ours}.norm", f"{theirs}/init_bn")
    for stage, blocks in enumerate(config.encoder_blocks):
        for block in range(blocks):
            here = f"{ours}.stages.{stage}.{block}"
            there = f"{theirs}/stage{stage + 1}/block{block + 1}"
            for i in ("1", "2"):
                yield from _conv(f"{here}.conv{i}", f"{there}/conv{i}", bias=False)
                yield from _norm(f"{here}.norm{i}", f"{there}/bn{i}")
            if block == 0 and _changes_shape(config, stage):
                yield from _conv(f"{here}.shortcut_conv", f"{there}/proj_conv", bias=False)
                yield from _norm(f"{here}.shortcut_norm", f"{there}/proj_bn")


def _changes_shape(config: ISAConfig, stage: int) -> bool:
    channels = config.encoder_channels
    return config.encoder_strides[stage] != 1 or channels[stage] != channels[max(stage - 1, 0)]


def _attention(config: ISAConfig, theirs: str) -> Iterator[Entry]:
    plain = config.variant == "sa"
    # Numbered by Flax in the order of their creation, which differs.
    norm_features, norm_slots = ("1", "0") if plain else ("0", "1")
    yield from _norm("attention.norm_features", f"{theirs}/LayerNorm_{norm_features}")
    yield from _norm("attention.norm_slots", f"{theirs}/LayerNorm_{norm_slots}")
    for name in ("query", "key", "value"):
        kernel = f"{theirs}/general_dense_{name[0]}_0/kernel"
        yield Entry(f"attention.{name}.weight", (kernel,), ONE_HEAD if plain else KERNEL)
    yield from _gru("attention.gru", f"{theirs}/GRU_0/GRUCell_0")
    yield from _mlp("attention.mlp", f"{theirs}/MLP_{0 if plain else 1}")
    if not plain:
        yield from _dense("attention.grid_encoder.position", f"{theirs}/dense_gp_0")
        yield from _mlp("attention.grid_encoder.mlp", f"{theirs}/MLP_0")


def _decoder(config: ISAConfig) -> Iterator[Entry]:
    yield from _dense("decoder.position", f"{_decoder_embedding(config)}/dense_pe_0")
    for i in range(len(config.decoder_channels)):
        if config.decoder_strides:
            yield from _conv(f"decoder.layers.{i}", f"{_DECODER}/CNN_0/conv_{i}")
        else:
            yield from _dense(f"decoder.layers.{i}", f"{_DECODER}/MLP_0/dense_mlp_{i}")
    yield from _dense("decoder.alpha", f"{_DECODER}/alphas")
    yield from _dense("decoder.colour", f"{_DECODER}/Readout_0/MLP_0/dense_mlp_0")


def _decoder_embedding(config: ISAConfig) -> str:
    relative = "" if config.variant == "sa" else "Relative"
    return f"{_DECODER}/{relative}PositionEmbedding_0"


def _dense(ours: str, theirs: str) -> Iterator[Entry]:
    yield Entry(f"{ours}.weight", (f"{theirs}/kernel",), KERNEL)
    yield Entry(f"{ours}.bias", (f"{theirs}/bias",), SAME)


def _conv(ours: str, theirs: str, bias: bool = True) -> Iterator[Entry]:
    yield Entry(f"{ours}.weight", (f"{theirs}/kernel",), CONV_KERNEL)
    if bias:
        yield Entry(f"{ours}.bias", (f"{theirs}/bias",), CONV_BIAS)


def _norm(ours: str, theirs: str) -> Iterator[Entry]:
    yield Entry(f"{ours}.weight", (f"{theirs}/scale",), SAME)
    yield Entry(f"{ours}.bias", (f"{theirs}/bias",), SAME)


def _mlp(ours: str, theirs: str) -> Iterator[Entry]:
    yield from _norm(f"{ours}.norm", f"{theirs}/LayerNorm_0")
    yield from _dense(f"{ours}.hidden", f"{theirs}/dense_mlp_0")
    yield from _dense(f"{ours}.out", f"{theirs}/dense_mlp_1")


def _gru(ours: str, theirs: str) -> Iterator[Entry]:
    def gates(side: str, leaf: str) -> tuple[str, ...]:
        return tuple(f"{theirs}/{side}{gate}/{leaf}" for gate in "rzn")

    yield Entry(f"{ours}.weight_ih", gates("i", "kernel"), GATE_KERNELS)
    yield Entry(f"{ours}.weight_hh", gates("h", "kernel"), GATE_KERNELS)
    yield Entry(f"{ours}.bias", gates("i", "bias"), GATE_BIASES)
    yield Entry(f"{ours}.bias_n", (f"{theirs}/hn/bias",), SAME)
