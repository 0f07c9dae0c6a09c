"""What the authors' model computes, and the weights it computed that with.

`parity/NAME.npz` holds, for one configuration of theirs and two images, its outputs, loss and the
norm of every gradient, in float64 and stored as float32. Weights are not stored: each is made from
its published path, uniform and from a generator seeded by the path's checksum.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "parity"
CASES = {  # the authors' configuration: the name of such a model in their release
    "tetrominoes.baseline": "tetrominoes_sa",
    "tetrominoes.equiv_transl": "tetrominoes_isa_t",
    "clevr_with_masks.equiv_transl_scale": "clevr_isa_ts",
    "clevr_with_masks.equiv_transl_scale_v2": "clevr_isa_ts_v2",
    "clevr_with_masks.equiv_transl_rot_scale": "clevr_isa_trs",
    "clevrtex.resnet.equiv_transl": "clevrtex_isa_t",
}


def case(name: str) -> dict[str, np.ndarray]:
    """The stored arrays of a case."""
    with np.load(FOLDER / f"{name}.npz") as stored:
        return dict(stored)


def weights(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of a case by published path, float32."""
    paths, shapes = stored["param_names"].tolist(), stored["param_shapes"].tolist()
    return {
        path: weight(path, json.loads(shape)) for path, shape in zip(paths, shapes, strict=True)
    }


def weight(path: str, shape: list[int]) -> np.ndarray:
    """One weight: a kernel keeps the variance of its input, apart from the queries' times 8."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(path.encode())))
    uniform = 2 * generator.random(shape) - 1
    kind = path.rpartition("/")[2]
    if kind == "kernel":
        gain = 8 if "general_dense_q" in path else 1
        uniform = gain * np.sqrt(3 / np.prod(shape[:-1])) * uniform
    else:
        size, offset = {"scale": (0.2, 1), "bias": (0.2, 0), "state_init": (1.7, 0)}[kind]
        uniform = offset + size * uniform
    return uniform.astype(np.float32)
