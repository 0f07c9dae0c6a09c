"""What can go wrong in slot attention, one thing at a time."""

import dataclasses
import functools
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isa_eqx import ISA, Frame, Output, coordinates
from isa_eqx.attention import SlotAttention
from isa_eqx.frames import identity
from isa_eqx.grid import rotated, rotation_matrix, weighted_mean, weighted_spread
from isa_eqx.metrics import adjusted_rand_index
from isa_eqx.symmetries import (
    NoSymmetry,
    Translation,
    TranslationScale,
    TranslationScaleRotation,
)

from .conftest import KEY, of_rounds


class OnlyShifts(TranslationScale):
    """ISA-T, held to the laws of scales: its scale is not divided by."""

    def relative(self, frames, grid):
        return Translation().relative(frames, grid)


class OnlyScales(TranslationScaleRotation):
    """ISA-TS, held to the laws of rotations."""

    def relative(self, frames, grid):
        return TranslationScale().relative(frames, grid)


class TurnsAndTwoFactors(TranslationScale):
    """ISA-TSR, held to the laws of a factor for each axis."""

    def relative(self, frames, grid):
        return TranslationScaleRotation().relative(frames, grid)

    def estimate(self, attention, grid):
        return TranslationScaleRotation().estimate(attention, grid)


class AbsoluteGrid(Translation):
    """Slots see the image's grid."""

    def relative(self, frames, grid):
        return NoSymmetry().relative(frames, grid)


class HalfWay(Translation):
    """The grid goes half the way of the frame."""

    def relative(self, frames, grid):
        return grid[None] - frames.position[:, None] / 2


class AnothersFrame(TranslationScale):
    """Slots look through the frame of the first one."""

    def relative(self, frames, grid):
        return super().relative(jax.tree.map(lambda leaf: leaf[:1].repeat(3, axis=0), frames), grid)


class SpreadAroundTheImage(TranslationScale):
    """The spread is taken around the image's centre, not the map's."""

    def estimate(self, attention, grid):
        whole = jnp.broadcast_to(grid, (len(attention), *grid.shape))
        frames = super().estimate(attention, grid)
        return dataclasses.replace(frames, scale=weighted_spread(attention, whole))


class SlopeOfARoot(TranslationScale):
    """The spread is clipped after the root, whose slope at zero is infinite."""

    def estimate(self, attention, grid):
        frames = super().estimate(attention, grid)
        centred = grid[None] - frames.position[:, None]
        variance = (attention[..., None] * jnp.square(centred)).sum(axis=1)
        return dataclasses.replace(frames, scale=jnp.clip(jnp.sqrt(variance), 0.001, 2))


class AxesSwapped(TranslationScaleRotation):
    """The frame turns the other way round."""

    def relative(self, frames, grid):
        rotation = jnp.swapaxes(frames.rotation, 1, 2)
        return super().relative(dataclasses.replace(frames, rotation=rotation), grid)


class ScaledBeforeTurned(TranslationScaleRotation):
    """The scales are taken for those of the image's axes."""

    def relative(self, frames, grid):
        return rotated(TranslationScale().relative(frames, grid), frames.rotation)


class LongerAxisFirst(TranslationScaleRotation):
    """Axes are told apart by length, not by the side of 45° that they are on."""

    def estimate(self, attention, grid):
        frames = super().estimate(attention, grid)
        swap = frames.scale[:, 0] < frames.scale[:, 1]
        quarter = jnp.array([[0.0, -1.0], [1.0, 0.0]])
        return Frame(
            position=frames.position,
            scale=jnp.where(swap[:, None], frames.scale[:, ::-1], frames.scale),
            rotation=jnp.where(swap[:, None, None], frames.rotation @ quarter, frames.rotation),
        )


class AxesByDivision(TranslationScaleRotation):
    """A formula for the axes that divides by a covariance which may be zero."""

    def estimate(self, attention, grid):
        position = weighted_mean(attention, grid)
        centred = grid[None] - position[:, None]
        y, x = centred[..., 0], centred[..., 1]
        xx, xy, yy = ((attention * c).sum(axis=1) for c in (x * x, x * y, y * y))
        angle = jnp.arctan(2 * xy / (xx - yy)) / 2
        return Frame(position, weighted_spread(attention, centred), rotation_matrix(angle))


class FirstSlotPreferred(SlotAttention):
    """The first slot starts twice as large."""

    def __call__(self, features, grid, slots, frames):
        return super().__call__(features, grid, slots.at[0].mul(2), frames)


class FirstPixelPreferred(SlotAttention):
    """The first pixel looks like another."""

    def __call__(self, features, grid, slots, frames):
        return super().__call__(features.at[0, 0].add(3), grid, slots, frames)


class LastRoundDropped(SlotAttention):
    """The frames are those of the slots before their last update."""

    def __call__(self, features, grid, slots, frames):
        shorter = of_rounds(self, self.num_rounds - 1)
        _, early, _ = SlotAttention.__call__(shorter, features, grid, slots, frames)
        slots, _, attention = super().__call__(features, grid, slots, frames)
        return slots, early, attention


class SoftmaxOverPixels(SlotAttention):
    """Pixels compete for slots."""

    def __call__(self, features, grid, slots, frames):
        over_pixels = functools.partial(jax.nn.softmax, axis=1)
        with mock.patch("jax.nn.softmax", lambda logits, axis: over_pixels(logits)):
            return super().__call__(features, grid, slots, frames)


class NotNormalised(SlotAttention):
    """A slot that sees more pixels hears more."""

    def __call__(self, features, grid, slots, frames):
        with mock.patch("isa_eqx.attention.ATTENTION_EPSILON", 10.0):
            return super().__call__(features, grid, slots, frames)


class PositionInFeatures(ISA):
    """Features know where on the image they are."""

    def attend_to(self, image, **start):
        grid = coordinates(*self.config.image_size).reshape(image.shape[:2] + (2,))
        lit = image.max(axis=-1, keepdims=True) > 0
        return super().attend_to(jnp.where(lit, (image + grid[..., :1] + 1) / 3, 0), **start)


class PictureOnTheImagesGrid(ISA):
    """Slots are painted on the image's grid, not on their own."""

    def _decode(self, slots, frames, grid):
        return self.decoder(slots, NoSymmetry().relative(frames, grid))


class PictureInAnothersFrame(ISA):
    """Slots are painted in the frame of the first one."""

    def _decode(self, slots, frames, grid):
        return super()._decode(slots, jax.tree.map(lambda f: f[:1].repeat(3, axis=0), frames), grid)


class PictureInBfloat16(ISA):
    """Slots lose digits on their way to the decoder."""

    def _decode(self, slots, frames, grid):
        rounded = slots.astype(jnp.bfloat16).astype(slots.dtype)
        return super()._decode(rounded if slots.dtype == jnp.float32 else slots, frames, grid)


class MasksOverPixels(ISA):
    """Masks sum to one over the image."""

    def __call__(self, image, **start):
        out = super().__call__(image, **start)
        return _OverPixels(**{f.name: getattr(out, f.name) for f in dataclasses.fields(out)})


class _OverPixels(Output):
    @property
    def masks(self):
        return jax.nn.softmax(self.mask_logits, axis=(-2, -1))


class PictureKnowsTheImage(ISA):
    """More than the slots is decoded."""

    def __call__(self, image, **start):
        out = super().__call__(image, **start)
        return eqx.tree_at(
            lambda o: o.painted.mask_logits, out, out.mask_logits + image[None, ..., 0]
        )


class FramesIgnored(ISA):
    """The frames that are given are not the ones that are used."""

    def attend_to(self, image, **start):
        return super().attend_to(image, key=KEY)


class FramesDrawnWhenTraced(ISA):
    """Frames are drawn once a compilation, by a generator that JAX does not know."""

    def attend_to(self, image, **start):
        place = np.random.default_rng().uniform(-1, 1, (3, 2))
        position = jnp.asarray(place, image.dtype)
        return super().attend_to(image, frames=dataclasses.replace(identity(3), position=position))


class ImageStandardised(ISA):
    """Images are divided by their contrast, also where there is none."""

    def attend_to(self, image, **start):
        low, high = image.min(), image.max()
        return super().attend_to((image - low) / (high - low), **start)


def plain_rand_index(true, pred, num_true, num_pred, ignore=()):
    """How many pairs agree, chance included."""
    same = [x[:, :, None] == x[:, None, :] for x in (true, pred)]
    return (same[0] == same[1]).mean(axis=(1, 2))


def accuracy(true, pred, num_true, num_pred, ignore=()):
    """How many names agree."""
    return (true == pred).mean(axis=1)


def purity(true, pred, num_true, num_pred, ignore=()):
    """How much of every predicted segment has one true label."""
    table = jnp.einsum("bni,bnj->bij", *(jax.nn.one_hot(x, 5) for x in (true, pred)))
    return table.max(axis=1).sum(axis=1) / true.shape[1]


def prediction_ignored(true, pred, num_true, num_pred, ignore=()):
    """Pixels are left out by what is predicted of them."""
    return adjusted_rand_index(pred, true, num_pred, num_true, ignore=ignore)


def scaled_after_shifted(frames, shift, scale, angle):
    """`Frame.moved` with its parts in another order."""
    return frames.moved(shift=shift).moved(scale=scale, angle=angle)
