"""What hypothesis draws: movements, frames, attention maps, label maps, configurations.

Few numbers are drawn one by one, so that what fails can be read; arrays come from a drawn seed.
"""

import dataclasses
import math
from typing import Any

import equinox as eqx
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np

from isa_eqx import ISA, VARIANTS, Frame, coordinates
from isa_eqx.frames import identity
from isa_eqx.symmetries import (
    SYMMETRIES,
    NoSymmetry,
    Symmetry,
    Translation,
    TranslationScale,
    TranslationScaleRotation,
)

from . import handmade_backbone
from .conftest import SMALL

EPSILON = float(np.finfo(np.float32).eps)
QUARTER = np.pi / 4
LABELS = 5
SLOTS, SIZE = SMALL["num_slots"], SMALL["slot_size"]
INVARIANT = [variant for variant, kind in SYMMETRIES.items() if kind.fields]
# Taller than wide, so that attention maps have axes that float32 knows well.
GRID = np.asarray(coordinates(7, 6), np.float64) * (1, 0.6)


def rotations(angle) -> np.ndarray:
    """(*k, 2, 2): [[cos, -sin], [sin, cos]], which act on (x, y)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)


@jax.jit
def moved(frames, shift, scale, angle):
    return frames.moved(shift=shift, scale=scale, angle=angle)


@dataclasses.dataclass(frozen=True)
class Move:
    """A movement of the plane, in float64 and with matrices, as the library does not do it."""

    shift: tuple[float, float] = (0.0, 0.0)  # (y, x)
    scale: tuple[float, float] = (1.0, 1.0)
    angle: float = 0.0

    def points(self, points) -> np.ndarray:
        """Where (y, x) points go."""
        turn = rotations(self.angle)[::-1, ::-1]  # written for (y, x)
        return np.asarray(points, np.float64) @ (turn * self.scale).T + self.shift

    def frames(self, frames: Frame) -> Frame:
        return moved(frames, *(jnp.asarray(x, jnp.float32) for x in dataclasses.astuple(self)))

    def after(self, first: "Move") -> "Move":
        """The composition, for movements of one group."""
        scale = tuple(a * b for a, b in zip(self.scale, first.scale, strict=True))
        return Move(tuple(self.points(first.shift)), scale, self.angle + first.angle)

    def of(self, kind: Symmetry) -> "Move":
        """Its part in a symmetry's group. Plain slots are held to translations, and fail."""
        match kind:
            case NoSymmetry() | Translation():
                return Move(shift=self.shift)
            case TranslationScale():
                return dataclasses.replace(self, angle=0.0)
            case TranslationScaleRotation():
                return dataclasses.replace(self, scale=(self.scale[0], self.scale[0]))
        raise TypeError(kind)


def pairs(strategy: st.SearchStrategy) -> st.SearchStrategy[tuple]:
    return st.tuples(strategy, strategy)


seeds = st.integers(0, 2**32 - 1)
# Factors are drawn as powers of two, so that large and small are alike.
factors = st.floats(-3, 3).map(lambda power: 2.0**power)


def moves() -> st.SearchStrategy[Move]:
    """Shifts by up to the image, factors of 1/8 to 8, turns within ±45°."""
    angles = st.floats(-QUARTER, QUARTER)
    return st.builds(Move, shift=pairs(st.floats(-2, 2)), scale=pairs(factors), angle=angles)


@st.composite
def frames(draw: st.DrawFn, smallest: float = 0.001) -> Frame:
    """Frames anywhere in the image, scales up to 2, axes within ±45°."""
    rng = np.random.default_rng(draw(seeds))
    scale = np.exp(rng.uniform(np.log(smallest), np.log(2), (SLOTS, 2)))
    turn = rotations(rng.uniform(-QUARTER, QUARTER, SLOTS))
    arrays = rng.uniform(-1, 1, (SLOTS, 2)), scale, turn
    return Frame(*(jnp.asarray(array, jnp.float32) for array in arrays))


def used(frames: Frame, kind: Symmetry) -> Frame:
    """The frames with the identity in every field that a symmetry does not use."""
    kept = {
        NoSymmetry: (),
        Translation: ("position",),
        TranslationScale: ("position", "scale"),
        TranslationScaleRotation: ("position", "scale", "rotation"),
    }
    fields = next(fields for base, fields in kept.items() if isinstance(kind, base))
    plain = identity(len(frames.position))
    return dataclasses.replace(plain, **{name: getattr(frames, name) for name in fields})


@st.composite
def attention_maps(draw: st.DrawFn, grid: np.ndarray) -> jax.Array:
    """Maps (k, n) that sum to one: Gaussian blobs anywhere, of any shape, under some noise."""
    rng = np.random.default_rng(draw(seeds))
    noise = draw(st.sampled_from([0.0, 0.3, 3.0]))
    scale = np.exp(rng.uniform(np.log(0.1), np.log(1), (SLOTS, 1, 2)))
    centred = grid[None] - rng.uniform(-0.8, 0.8, (SLOTS, 1, 2))
    along = centred @ rotations(rng.uniform(-np.pi, np.pi, SLOTS)) / scale
    logits = noise * rng.normal(size=along.shape[:2]) - np.square(along).sum(-1) / 2
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return jnp.asarray(weights / weights.sum(axis=1, keepdims=True), jnp.float32)


@dataclasses.dataclass(frozen=True)
class Scene:
    """What slots attend to: features, slots, and frames to start from."""

    seed: int
    features: jax.Array = dataclasses.field(repr=False)
    slots: jax.Array = dataclasses.field(repr=False)
    frames: Frame

    def attended(self, attention, grid=GRID):
        """Slots, frames and attention maps, with the features at points of a grid."""
        frames = used(self.frames, attention.symmetry)
        grid = jnp.asarray(grid, jnp.float32)
        return _attended(attention, self.features, grid, self.slots, frames)


@eqx.filter_jit
def _attended(attention, *scene):
    return attention(*scene)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Normal features and slots."""
    seed = draw(seeds)
    normal = np.random.default_rng(seed).normal
    arrays = (normal(size=(count, SIZE)) for count in (len(GRID), SLOTS))
    # A frame far smaller than a cell sees float32's rounding of the grid.
    start = draw(frames(smallest=0.1))
    return Scene(seed, *(jnp.asarray(x, jnp.float32) for x in arrays), start)


def picture(model: ISA, seed: int) -> jax.Array:
    """An image of noise, in [0, 1], of the model's size."""
    noise = np.random.default_rng(seed).uniform(size=(*model.config.image_size, 3))
    return jnp.asarray(noise, jnp.float32)


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Two label maps of one image, labels below `LABELS`."""

    kind: str
    true: np.ndarray = dataclasses.field(repr=False)
    pred: np.ndarray = dataclasses.field(repr=False)


@st.composite
def label_maps(draw: st.DrawFn, sizes: tuple[int, ...] = (1, 2, 16, 35 * 35)) -> Labelled:
    """Two label maps of one size: unrelated, equal, coarser or nearly equal; of few labels too."""
    size = draw(st.sampled_from(sizes))
    rng = np.random.default_rng(draw(seeds))
    skew = rng.dirichlet(np.full(LABELS, draw(st.sampled_from([0.01, 0.3, 10.0]))), size=2)
    true, pred = (rng.choice(LABELS, size, p=p) for p in skew)
    kind = draw(st.sampled_from(["unrelated", "equal", "renamed", "merged", "nearly"]))
    if kind == "equal":
        pred = true
    elif kind == "renamed":
        pred = rng.permutation(LABELS)[true]
    elif kind == "merged":
        pred = true // 2
    elif kind == "nearly":
        pred = np.where(rng.random(size) < 0.01, pred, true)
    return Labelled(f"{kind}, {size} pixels", true, pred)


def _layers(longest: int, numbers: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(numbers, min_size=1, max_size=longest).map(tuple)


@st.composite
def _features_fields(draw: st.DrawFn, variant: str) -> dict[str, Any]:
    """The fields of any `ISAConfig` with target features, small."""
    sizes = st.integers(1, 7)
    patch, size = handmade_backbone.PATCH, handmade_backbone.SIZE
    return dict(
        variant=variant,
        image_size=draw(pairs(sizes.map(lambda patches: patches * patch))),
        num_slots=draw(sizes),
        slot_size=draw(sizes),
        num_rounds=draw(sizes),
        hidden_size=draw(sizes),
        encoder_channels=draw(sizes.map(lambda channels: (channels,))),
        encoder_strides=(1,),
        decoder_channels=draw(_layers(2, sizes)),
        components=draw(st.integers(1, size)),
        relative_values=draw(st.booleans()) if variant != "sa" else True,
        **handmade_backbone.of_config(),
    )


@st.composite
def config_fields(draw: st.DrawFn) -> dict[str, Any]:
    """The fields of any `ISAConfig`, small: every variant, encoder and decoder."""
    sizes, strides = st.integers(1, 7), st.integers(1, 2)
    variant, residual = draw(st.sampled_from(VARIANTS)), draw(st.booleans())
    channels = draw(_layers(2, st.sampled_from([32, 64]) if residual else st.integers(3, 7)))
    layers = draw(_layers(2, sizes))
    upwards = draw(st.sampled_from([(), tuple(draw(strides) for _ in layers)]))
    has_frames = variant != "sa"
    if draw(st.booleans()):
        return draw(_features_fields(variant))
    return dict(
        variant=variant,
        image_size=draw(pairs(sizes.map(lambda size: size * math.prod(upwards)))),
        num_slots=draw(sizes),
        slot_size=draw(sizes),
        num_rounds=draw(sizes),
        hidden_size=draw(sizes),
        encoder_channels=channels,
        encoder_strides=tuple(draw(strides) for _ in channels),
        encoder_blocks=(1,) * len(channels) if residual else (),
        decoder_channels=layers,
        decoder_strides=upwards,
        relative_values=draw(st.booleans()) if has_frames else True,
        learnt_grid=draw(st.booleans()) if has_frames else False,
    )
