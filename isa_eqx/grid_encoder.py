"""Positions in features: one grid for all slots, or one in the frame of each slot."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, DTypeLike, Float, PRNGKeyArray

from .layers import MLP, cast, dense, linear, matmul, weight_and_bias
from .projections import RelativeProjections


class GridEncoder(eqx.Module):
    """E(x + P grid), with E = MLP(d → m → d): layer norm first, no residual.

    Plain Slot Attention adds absolute positions to the features (Locatello et al. 2020,
    appendix). The invariant variants add the positions in each slot's frame to its keys and values
    (Biza et al. 2023, section 3).
    """

    position: eqx.nn.Linear
    mlp: MLP

    def __init__(self, size: int, hidden_size: int, *, key: PRNGKeyArray):
        position_key, mlp_key = jr.split(key)
        self.position = linear(2, size, key=position_key)
        self.mlp = MLP(size, hidden_size, key=mlp_key)

    def __call__(
        self,
        x: Float[Array, "n d"],
        grid: Float[Array, "n 2"],
        dtype: DTypeLike | None = None,
    ) -> Float[Array, "n d"]:
        """Encode every pixel with its position on one grid. `dtype`: as for `matmul`."""
        placed = cast(x + dense(self.position, grid), dtype)
        return cast(jax.vmap(cast(self.mlp, dtype))(placed), x.dtype)

    def relative(
        self, vectors: Float[Array, "n d"], dtype: DTypeLike | None = None
    ) -> RelativeProjections:
        """Encode every pixel for all slots, whose grids come later. `dtype`: as for `matmul`."""
        gain, shift = weight_and_bias(self.mlp.norm)
        first, bias = weight_and_bias(self.mlp.hidden)
        axes, origin = weight_and_bias(self.position)
        size = vectors.shape[1]
        centred, axes = _centre(vectors + origin[None], axis=1), _centre(axes, axis=0)
        scaled = first * gain[None]
        return RelativeProjections(
            offset=matmul(centred, scaled.T, dtype),
            slopes=jnp.concatenate([axes.T @ scaled.T, (first @ shift + bias)[None]]),
            square=jnp.square(centred).mean(axis=1),
            cross=centred @ axes * (2 / size),
            gram=axes.T @ axes / size,
            out=self.mlp.out,
        )


def _centre(x: Float[Array, "a b"], axis: int) -> Float[Array, "a b"]:
    return x - x.mean(axis=axis, keepdims=True)
