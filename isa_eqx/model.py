"""Invariant Slot Attention: from an image to slots, their frames, masks and reconstructions."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray, Shaped

from . import card
from .attention import SlotAttention
from .backbones import ViT
from .checks import check_backbone, check_frames, check_image, check_slots, check_target
from .components import PrincipalComponents, features
from .config import ISAConfig
from .decoder import Decoder, make_decoder
from .encoder import Encoder, make_encoder
from .frames import Frame
from .frozen import OnBackbone
from .grid_encoder import GridEncoder
from .layers import at_least_float32
from .output import Colours, Decoded, Features, Output
from .symmetries import Symmetry, make_symmetry


class ISA(OnBackbone):
    """Invariant Slot Attention (Biza et al. 2023), or plain Slot Attention as its variant `sa`.

    It takes one image; for a batch use `jax.vmap`. It computes in the precision of its weights and
    image, unless its config says `bfloat16`; attention and frames are in float32 if weights have
    16 bits. Differentiate it in reverse mode, by `jax.grad` or `jax.vjp`: the invariant variants,
    and on a CPU convolutions, have no forward-mode derivative.

    A model with target features stands on a frozen backbone, see `OnBackbone`.
    """

    model_type: ClassVar[str] = "isa"
    encoder: Encoder
    position_embedding: GridEncoder | None
    initial_slots: Float[Array, "k d"]
    attention: SlotAttention
    decoder: Decoder
    components: PrincipalComponents | None
    backbone: ViT | None
    config: ISAConfig = eqx.field(static=True)

    def __init__(self, config: ISAConfig, *, key: PRNGKeyArray):
        encoder_key, position_key, slots_key, attention_key, decoder_key = jr.split(key, 5)
        kind, channels = make_symmetry(config), config.encoder_channels[-1]
        self.encoder = make_encoder(config, key=encoder_key)
        self.position_embedding = (
            GridEncoder(channels, config.hidden_size, key=position_key)
            if config.learnt_grid or not kind.fields
            else None
        )
        self.initial_slots = jr.normal(slots_key, (config.num_slots, config.slot_size))
        self.attention = SlotAttention(config, kind, key=attention_key)
        self.decoder = make_decoder(config, key=decoder_key)
        is_projected = config.components < config.backbone_size
        self.components = PrincipalComponents(config) if is_projected else None
        self.backbone = None
        self.config = config

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry of the model's variant."""
        return self.attention.symmetry

    @property
    def layer_dtype(self) -> DTypeLike | None:
        """Precision that layers compute in; `None` for that of weights and image."""
        return jnp.bfloat16 if self.config.dtype == "bfloat16" else None

    def __call__(
        self,
        image: Shaped[Array, "..."],
        *,
        key: PRNGKeyArray | None = None,
        frames: Frame | None = None,
    ) -> Output:
        """Explain an image by slots.

        - `image`: (h, w, 3), in [0, 1], of the dtype of the weights.
        - `key`: for the initial frames; `sa` needs none.
        - `frames`: initial frames to use instead of random ones. They are not clipped (the
          published code clips positions to the image and scales to [0.001, 2]).

        Raises a `ValueError` if the image has another shape, dtype or range, if neither key nor
        frames are given, or if the frames are of another number of slots or have scales that are
        not above 0. Values are checked only outside of `jax.jit`, where they are known.
        """
        return self.explain(self.target(image), key=key, frames=frames)

    def target(self, image: Shaped[Array, "..."]) -> Float[Array, "h w i"]:
        """Return what slots explain of an image: the image itself, or features of its patches.

        Errors: as of `__call__` of an image; a `ValueError` if the model lacks its backbone.
        """
        check_image(image, self.config.image_size, self.initial_slots.dtype)
        if self.config.target == "colours":
            return image
        backbone = check_backbone(self.backbone, self.config)
        return features(image, backbone, self.components, self.layer_dtype)

    def explain(
        self,
        target: Float[Array, "h w i"],
        *,
        key: PRNGKeyArray | None = None,
        frames: Frame | None = None,
    ) -> Output:
        """Explain what is the `target` of an image, for which no backbone is needed.

        Arguments and errors: as of `__call__`, but for the values of the target.
        """
        slots, frames, attention = self.attend_to(target, key=key, frames=frames)
        decoded = self.decode(slots, frames)
        return Output(decoded.painted, slots, frames, attention)

    def attend(
        self,
        image: Shaped[Array, "..."],
        *,
        key: PRNGKeyArray | None = None,
        frames: Frame | None = None,
        gradient_scale: float = 1.0,
    ) -> tuple[Float[Array, "k d"], Frame, Float[Array, "k n"]]:
        """Return slots, frames and attention, without decoding: features for other work.

        - Slots, (k, d): what each object is. Their order depends on the image and the initial
          frames, and one or more are background: treat them as a set. They have no unit or scale.
        - Frames: where it is; position and scale in grid units, see `Frame`.
        - Attention, (k, n): the share of each slot in each cell of the encoder's grid, row by row,
          (k, *config.feature_size) when reshaped. It sums to 1 over slots.

        All are differentiable in image and weights, through all rounds of attention. To freeze the
        model, differentiate in what comes after it alone, or put `jax.lax.stop_gradient` around
        what this returns. To train some of its parts, see docs/features.md. Arguments and errors:
        as above.

        - `gradient_scale`: of the gradient between rounds of attention; see `SlotAttention`.
        """
        target = self.target(image)
        return self.attend_to(target, key=key, frames=frames, gradient_scale=gradient_scale)

    def attend_to(
        self,
        target: Float[Array, "h w i"],
        *,
        key: PRNGKeyArray | None = None,
        frames: Frame | None = None,
        gradient_scale: float = 1.0,
    ) -> tuple[Float[Array, "k d"], Frame, Float[Array, "k n"]]:
        """Return what `attend` does, of what is the `target` of an image."""
        check_target(target, self.config)
        check_slots(self.initial_slots, self.config.num_slots, self.config.slot_size)
        # Frames have numbers that 16 bits do not: a pixel may be 400 units from a small object.
        precision = at_least_float32(target).dtype
        if frames is None:
            frames = self.symmetry.initial(self.config.num_slots, precision, key=key)
        check_frames(frames, self.config.num_slots)
        start: Frame = jax.tree.map(lambda x: x.astype(precision), frames)
        attention = at_least_float32(self.attention)
        features, grid, initial = at_least_float32((*self.encode(target), self.initial_slots))
        dtype = self.layer_dtype
        slots, found, maps = attention(features, grid, initial, start, dtype, gradient_scale)
        return slots.astype(target.dtype), found, maps.astype(target.dtype)

    def encode(
        self, target: Float[Array, "h w i"]
    ) -> tuple[Float[Array, "n c"], Float[Array, "n 2"]]:
        """Return the features that slots attend to, and their (y, x) coordinates.

        - `target`: of an image; the image itself, where slots explain colours.

        Features are vectors, (n, c), one for each cell of the encoder's grid, row by row,
        (*config.feature_size, c) when reshaped. Those of the invariant variants are of the cell's
        surroundings, wherever these are; those of `sa`, and with a `learnt_grid`, have absolute
        positions added. Coordinates are in grid units, see `coordinates`. The gradient is as of
        `attend`, which checks the image; this does not.
        """
        features, grid = self.encoder(target, self.layer_dtype)
        if self.position_embedding is not None:
            features = self.position_embedding(features, grid, self.layer_dtype)
        if self.config.learnt_grid:
            features, grid = features[:, :-2], features[:, -2:]
        return features, grid

    def decode(
        self, slots: Float[Array, "k d"], frames: Frame, *, recompute: bool = False
    ) -> Decoded:
        """Decode slots in their frames. With an edited frame, the object has moved.

        - `recompute`: decode the slots one after another, and again in the backward pass, which
          then holds the activations of one slot instead of all: less memory, a third more work.
        """
        grid = self.decoder.grid(slots.dtype)
        if recompute:
            one = jax.checkpoint(
                lambda slot: self._decode(slot[0], slot[1], grid), prevent_cse=False
            )
            painted = jax.lax.map(one, jax.tree.map(lambda x: x[:, None], (slots, frames)))
        else:
            painted = self._decode(slots, frames, grid)
        painted = painted.reshape(len(slots), *self.config.target_size, -1)
        parts = painted[..., :-1], painted[..., -1]
        if self.config.target == "colours":
            return Decoded(Colours(*parts))
        return Decoded(Features(*parts, self.config.image_size))

    def decode_at(
        self, slots: Float[Array, "k d"], frames: Frame, grid: Float[Array, "m 2"]
    ) -> tuple[Float[Array, "k m c"], Float[Array, "k m"]]:
        """Return colours, or features, and mask logits of the slots at any (y, x) coordinates.

        Raises a `ValueError` if the decoder is convolutional: it decodes whole images only.
        """
        if not self.decoder.is_pixelwise:
            raise ValueError(
                "only a decoder without decoder_strides decodes single pixels; this one has "
                f"{self.config.decoder_strides}: use decode for the whole image."
            )
        painted = self._decode(slots, frames, grid)
        return painted[..., :-1], painted[..., -1]

    def _decode(
        self, slots: Float[Array, "k d"], frames: Frame, grid: Float[Array, "m 2"]
    ) -> Float[Array, "k p o"]:
        relative = self.symmetry.relative(*at_least_float32((frames, grid)))
        return self.decoder(slots, relative.astype(slots.dtype), self.layer_dtype)

    @classmethod
    def config_from_dict(cls, fields: dict[str, Any]) -> ISAConfig:
        return ISAConfig.from_dict(fields)

    def card(self, name: str) -> str:
        return card.default_card(self.config, name, str(self.initial_slots.dtype))
