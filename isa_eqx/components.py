"""Features that slots see and explain: a backbone's vectors, or their principal components."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, DTypeLike, Float

from .backbones import ViT
from .config import ISAConfig


class PrincipalComponents(eqx.Module):
    """(x - mean) axesᵀ / scale, for vectors of patches.

    It is fitted to images before training (`fit_components`), and no gradient changes it.

    - `mean`: of the vectors.
    - `axes`: orthonormal, those of the largest variance first.
    - `scale`: standard deviation of what is left, over all components together.
    """

    mean: Float[Array, " s"]
    axes: Float[Array, "c s"]
    scale: Float[Array, ""]

    def __init__(self, config: ISAConfig):
        self.mean = jnp.zeros(config.backbone_size)
        self.axes = jnp.eye(config.components, config.backbone_size)
        self.scale = jnp.ones(())

    def __call__(self, vectors: Float[Array, "n s"]) -> Float[Array, "n c"]:
        return (vectors - self.mean[None]) @ self.axes.T / self.scale


def features(
    image: Float[Array, "h w 3"],
    backbone: ViT,
    components: PrincipalComponents | None,
    dtype: DTypeLike | None = None,
) -> Float[Array, "y x c"]:
    """Return what slots explain of an image where they explain features.

    The vectors of the backbone's last block, before its last normalisation, or their principal
    components. No gradient flows back through them.

    - `dtype`: as of `ViT`.
    """
    vectors = backbone(image, dtype=dtype)
    if components is not None:
        vectors = components(vectors)
    maps = vectors.reshape(*backbone.grid_size(*image.shape[:2]), -1)
    return jax.lax.stop_gradient(maps)


def fit_components(
    config: ISAConfig, vectors: Float[Array | np.ndarray, "n s"]
) -> PrincipalComponents:
    """Return the leading principal components of vectors, in float64 on the host.

    An axis points to where its largest number is positive, so that those of equal vectors are
    equal. Raises a `ValueError` if there are fewer vectors than components.
    """
    x = np.asarray(vectors, np.float64)
    if len(x) < config.components:
        raise ValueError(
            f"{config.components} components are fitted to as many patches or more, got {len(x)}: "
            "take more images, or fewer components."
        )
    mean = x.mean(axis=0)
    values, axes = np.linalg.eigh(np.cov(x - mean, rowvar=False, bias=True))
    axes = axes.T[::-1][: config.components]
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    scale = np.sqrt(values[::-1][: config.components].mean())
    found = PrincipalComponents(config)
    where = lambda one: (one.mean, one.axes, one.scale)  # noqa: E731
    fitted = (jnp.asarray(value, jnp.float32) for value in (mean, axes, max(scale, 1e-6)))
    return eqx.tree_at(where, found, tuple(fitted))
