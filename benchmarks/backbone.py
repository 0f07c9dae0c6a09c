"""A frozen backbone against ONNX Runtime, both on all cores of a CPU:
`python -m benchmarks.backbone facebook/dinov2-small --onnx FILE`.
"""

import datetime
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import UInt8
from tyro.conf import Positional

from hub.common.errors import exit_with_message
from hub.common.terminal import resilient_output
from isa_eqx import backbones
from isa_eqx.backbones import ViT
from training.data import Images, Resize
from training.data.features.extractor import Extractor
from training.distributed import use_all_cores
from training.runs import commit_hash, device_name

from .measure import flops, in_turns


def main(
    backbone: Annotated[Positional[str], tyro.conf.arg(metavar="FOLDER|USER/NAME")],
    onnx: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None,
    size: int = 224,
    images: int = 64,
    repeats: int = 5,
) -> None:
    """Time the features of images, as they are computed before training.

    Args:
        backbone: The backbone.
        onnx: The same network, which takes (n, 3, height, width): timed in turns with ours.
        size: Height and width of the images.
        images: Their number.
        repeats: Timed runs of each, in turns.
    """
    with exit_with_message(ValueError, OSError, ImportError):
        use_all_cores()
        vit = backbones.load(backbone)
        pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
        forms: dict[str, Callable[[], Any]] = {"ours": lambda: extract(vit, pixels)}
        if onnx is not None:
            forms["ONNX Runtime"] = onnx_runtime(onnx, pixels)
        times = in_turns(forms, repeats)
    work = images * flops(jax.make_jaxpr(vit)(jnp.zeros((size, size, 3))).jaxpr) / 1e9
    print(
        f"{images} images of {size}×{size}; {device_name()}; commit {commit_hash()}, "
        f"{datetime.date.today().isoformat()}"
    )
    for name, seconds in times.items():
        low, middle, high = (f(seconds) / images for f in (min, statistics.median, max))
        print(
            f"{name:14} {middle:.3f} s an image ({low:.3f} … {high:.3f}), "
            f"{work / images / middle:.0f} GFLOP/s"
        )


def extract(vit: ViT, pixels: UInt8[np.ndarray, "n h w 3"]) -> None:
    """Compute features as before training."""
    shape = pixels.shape[1:3]
    for _ in Extractor(vit, None).each([Images(pixels, Resize(shape, shape))]):
        pass


def onnx_runtime(file: Path, pixels: UInt8[np.ndarray, "n h w 3"]) -> Callable[[], Sequence[Any]]:
    """Return a function that computes what an ONNX file computes, image by image, on as many
    threads as there are devices here.
    """
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(jax.devices())
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    planes = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255
    return lambda: [session.run(None, {name: image[None]}) for image in planes]


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m benchmarks.backbone")
