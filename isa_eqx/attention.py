"""Slot attention, written once for every symmetry."""

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .config import ISAConfig
from .frames import Frame
from .grid_encoder import GridEncoder
from .layers import MLP, dense, gru, layer_norm, linear
from .projections import AbsoluteProjections, Projections
from .symmetries import Symmetry

ATTENTION_EPSILON = 1e-8


class SlotAttention(eqx.Module):
    """Slots compete for pixels, each from inside its own frame.

    A round (Locatello et al. 2020, algorithm 1; Biza et al. 2023, algorithm 1):

        attention_kn = softmax over slots of q_k · key_kn / √d
        update_k     = Σₙ a_kn value_kn,  a = attention / Σₙ attention
        slot         ← GRU(update, slot);  slot ← slot + MLP(slot)
        frame        ← estimate(a)

    with keys and values as seen from the slot's frame. After `num_rounds` of these one more
    estimates only the frames, so that they belong to the final slots.
    """

    norm_features: eqx.nn.LayerNorm
    norm_slots: eqx.nn.LayerNorm
    query: eqx.nn.Linear
    key: eqx.nn.Linear
    value: eqx.nn.Linear
    gru: eqx.nn.GRUCell
    mlp: MLP
    grid_encoder: GridEncoder | None
    symmetry: Symmetry
    num_rounds: int = eqx.field(static=True)
    relative_values: bool = eqx.field(static=True)

    def __init__(self, config: ISAConfig, symmetry: Symmetry, *, key: PRNGKeyArray):
        query_key, key_key, value_key, gru_key, mlp_key, grid_key = jr.split(key, 6)
        size, channels = config.slot_size, config.encoder_channels[-1]
        if config.learnt_grid:
            channels -= 2
        self.norm_features = layer_norm(channels)
        self.norm_slots = layer_norm(size)
        self.query = linear(size, size, use_bias=False, key=query_key)
        self.key = linear(channels, size, use_bias=False, key=key_key)
        self.value = linear(channels, size, use_bias=False, key=value_key)
        self.gru = gru(size, size, key=gru_key)
        self.mlp = MLP(size, config.hidden_size, key=mlp_key)
        self.grid_encoder = (
            GridEncoder(size, config.hidden_size, key=grid_key) if symmetry.fields else None
        )
        self.symmetry = symmetry
        self.num_rounds = config.num_rounds
        self.relative_values = config.relative_values

    def __call__(
        self,
        features: Float[Array, "n c"],
        grid: Float[Array, "n 2"],
        slots: Float[Array, "k d"],
        frames: Frame,
        dtype: DTypeLike | None = None,
        gradient_scale: float = 1.0,
    ) -> tuple[Float[Array, "k d"], Frame, Float[Array, "k n"]]:
        """Return the final slots, their frames, and their attention, which sums to 1 over slots.

        - `features`, `grid`: feature and (y, x) coordinates of every cell of the encoder's map.
        - `slots`, `frames`: the initial ones.
        - `dtype`: precision that keys and values are computed in, as for `matmul`.
        - `gradient_scale`: factor of the gradient from a round of attention to the slots and frames
          that it starts from, as MuZero scales it in its dynamics (Schrittwieser et al. 2020,
          appendix G). 1 is the true gradient, as published; 0 is that of the last round alone, as
          if the rounds before it had reached a fixed point (Chang et al. 2022, arXiv 2207.00787),
          and the initial slots get none. The outputs do not depend on it.

        The published code returns plain Slot Attention's attention of the round before the last
        update; here it always belongs to the slots that are returned.
        """
        features = jax.vmap(self.norm_features)(features)
        keys: Projections = AbsoluteProjections(dense(self.key, features, dtype))
        values: Projections = AbsoluteProjections(dense(self.value, features, dtype))
        if self.grid_encoder is not None:
            keys = self.grid_encoder.relative(keys.vectors, dtype)
            if self.relative_values:
                values = self.grid_encoder.relative(values.vectors, dtype)

        def attend(
            slots: Float[Array, "k d"], relative: Float[Array, "k n 2"]
        ) -> tuple[Float[Array, "k n"], Float[Array, "k n"]]:
            queries = dense(self.query, jax.vmap(self.norm_slots)(slots))
            logits = keys.dot(queries * slots.shape[1] ** -0.5, relative)
            attention = jax.nn.softmax(logits, axis=0)
            total = attention.sum(axis=1, keepdims=True)
            return attention, attention / (total + ATTENTION_EPSILON)

        def round(
            carry: tuple[Float[Array, "k d"], Frame], no_input: None
        ) -> tuple[tuple[Float[Array, "k d"], Frame], None]:
            slots, frames = jax.tree.map(lambda x: scale_gradient(x, gradient_scale), carry)
            relative = self.symmetry.relative(frames, grid)
            _, weights = attend(slots, relative)
            slots = jax.vmap(self.gru)(values.sum(weights, relative), slots)
            slots = slots + jax.vmap(self.mlp)(slots)
            return (slots, self.symmetry.estimate(weights, grid)), None

        # A scan, not a Python loop: one round is compiled, and compiled better than four fused.
        (slots, frames), _ = jax.lax.scan(round, (slots, frames), length=self.num_rounds)
        attention, weights = attend(slots, self.symmetry.relative(frames, grid))
        return slots, self.symmetry.estimate(weights, grid), attention


def scale_gradient(x: Float[Array, "..."], scale: float) -> Float[Array, "..."]:
    """Return `x`, with its gradient multiplied by `scale`."""
    fixed = jax.lax.stop_gradient(x)
    return fixed + scale * (x - fixed)
