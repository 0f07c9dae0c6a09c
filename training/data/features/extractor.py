"""Features of images, computed by a frozen backbone on all devices."""

from collections.abc import Generator, Iterable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, DTypeLike, Float, Float16

from isa_eqx import PrincipalComponents, features
from isa_eqx.backbones import ViT

from ..scenes import FeatureMaps, Images

TOGETHER = 8  # images that a device computes in one call


class Extractor(eqx.Module):
    """What computes features: a backbone, and the components that are kept of its vectors.

    - `components`: `None` for the vectors as they are.
    - `dtype`: as of `ViT`.
    """

    backbone: ViT
    components: PrincipalComponents | None
    dtype: DTypeLike | None = eqx.field(static=True, default=None)

    def each(self, images: Iterable[Images]) -> Generator[FeatureMaps, None, None]:
        """Compute the features of images, part by part, on all devices of this host.

        - `images`: in parts of any size.
        """
        mesh = Mesh(np.array(jax.local_devices()), ("batch",))
        size = TOGETHER * mesh.size
        for part in images:
            found = []
            for first in range(0, len(part), size):
                # Always a full call, so that one program serves every number of images.
                places = np.arange(first, first + size) % len(part)
                found.append(np.asarray(_extract(part[places], self, mesh)))
            yield FeatureMaps(np.concatenate(found)[: len(part)])


@eqx.filter_jit
def _extract(images: Images, extractor: Extractor, mesh: Mesh) -> Float16[Array, "b y x c"]:
    def of_image(image: Float[Array, "h w 3"]) -> Float16[Array, "y x c"]:
        found = features(image, extractor.backbone, extractor.components, extractor.dtype)
        return found.astype(jnp.float16)

    def of_part(images: Images) -> Float16[Array, "p y x c"]:
        # One after another, what an image is in between fits a core's cache.
        together = None if jax.default_backend() == "cpu" else len(images)
        return jax.lax.map(of_image, images.floats(), batch_size=together)

    parts = PartitionSpec("batch")
    shared = jax.shard_map(of_part, mesh=mesh, in_specs=parts, out_specs=parts, check_vma=False)
    return shared(images)
