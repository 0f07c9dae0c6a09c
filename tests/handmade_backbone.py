"""A tiny DINOv2, written as it lies on the Hub, and what it computes, in NumPy with loops."""

import atexit
import functools
import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

SIZE, BLOCKS, HEADS, PATCH, TABLE, EPSILON = 12, 2, 3, 4, 5, 1e-5
FIELDS: dict[str, Any] = dict(
    architectures=["Dinov2Model"], hidden_size=SIZE, num_hidden_layers=BLOCKS,
    num_attention_heads=HEADS, mlp_ratio=2, hidden_act="gelu", layer_norm_eps=EPSILON,
    image_size=TABLE * PATCH, patch_size=PATCH, num_channels=3, qkv_bias=True,
    use_swiglu_ffn=False, torch_dtype="float32",
)  # fmt: skip
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def fields(registers: int) -> dict[str, Any]:
    if registers:
        more = dict(model_type="dinov2_with_registers", num_register_tokens=registers)
        return FIELDS | more | dict(architectures=["Dinov2WithRegistersModel"])
    return FIELDS | dict(model_type="dinov2")


def arrays(registers: int) -> dict[str, np.ndarray]:
    """Its tensors, by the names that they have on the Hub."""
    shapes = {
        "embeddings.cls_token": (1, 1, SIZE),
        "embeddings.mask_token": (1, SIZE),
        "embeddings.position_embeddings": (1, 1 + TABLE**2, SIZE),
        "embeddings.patch_embeddings.projection.weight": (SIZE, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": (SIZE,),
        "layernorm.weight": (SIZE,),
        "layernorm.bias": (SIZE,),
    }
    if registers:
        shapes["embeddings.register_tokens"] = (1, registers, SIZE)
    for i in range(BLOCKS):
        layer = f"encoder.layer.{i}"
        for name, out, into in (
            ("attention.attention.query", SIZE, SIZE),
            ("attention.attention.key", SIZE, SIZE),
            ("attention.attention.value", SIZE, SIZE),
            ("attention.output.dense", SIZE, SIZE),
            ("mlp.fc1", 2 * SIZE, SIZE),
            ("mlp.fc2", SIZE, 2 * SIZE),
        ):
            shapes |= {f"{layer}.{name}.weight": (out, into), f"{layer}.{name}.bias": (out,)}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            shapes[f"{layer}.{name}"] = (SIZE,)
        for name in ("layer_scale1.lambda1", "layer_scale2.lambda1"):
            shapes[f"{layer}.{name}"] = (SIZE,)
    draw = np.random.default_rng(0).normal
    return {name: draw(scale=0.7, size=shape).astype("f4") for name, shape in shapes.items()}


def write(folder: Path, registers: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields(registers)))
    save_file(arrays(registers), folder / "model.safetensors", {"format": "pt"})
    return folder


@functools.cache
def folder() -> Path:
    """The folder of one without registers, which is there as long as the program is."""
    home = tempfile.mkdtemp(prefix="isa-eqx-backbone-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return write(Path(home) / "tiny")


def of_config() -> dict[str, Any]:
    """What an `ISAConfig` says of it."""
    return dict(target="features", backbone=str(folder()), backbone_size=SIZE, patch_size=PATCH)


def kernel(far: float, a: float) -> float:
    """Keys' cubic convolution."""
    if far < 1:
        return (a + 2) * far**3 - (a + 3) * far**2 + 1
    return a * far**3 - 5 * a * far**2 + 8 * a * far - 4 * a if far < 2 else 0.0


def resized(row: np.ndarray, new: int, resizing: str) -> np.ndarray:
    """Along the first axis. Antialiased as PyTorch does: a wider kernel, cut off at the edge."""
    old = len(row)
    wide = max(old / new, 1) if resizing == "antialias" else 1
    a = -0.5 if resizing == "antialias" else -0.75
    out = []
    for i in range(new):
        place, total, sum_of_weights = (i + 0.5) * old / new - 0.5, 0.0, 0.0
        for k in range(math.ceil(place - 2 * wide), math.floor(place + 2 * wide) + 1):
            weight = kernel(abs(place - k) / wide, a)
            if resizing == "antialias" and not 0 <= k < old:
                continue
            total = total + weight * row[min(max(k, 0), old - 1)]
            sum_of_weights += weight
        out.append(total / sum_of_weights)
    return np.stack(out)


def tokens(registers: int, image: np.ndarray, resizing: str, normalised: bool) -> np.ndarray:
    """All tokens after the last block, in float64."""
    of = {name: array.astype("f8") for name, array in arrays(registers).items()}
    height, width = image.shape[0] // PATCH, image.shape[1] // PATCH
    image = (image - MEAN) / DEVIATION
    first, *rest = of["embeddings.position_embeddings"][0]
    table = np.stack(rest).reshape(TABLE, TABLE, SIZE)
    if (height, width) != (TABLE, TABLE):
        table = resized(table, height, resizing)
        table = resized(table.swapaxes(0, 1), width, resizing).swapaxes(0, 1)
    rows = [of["embeddings.cls_token"][0, 0] + first]
    rows += list(of["embeddings.register_tokens"][0]) if registers else []
    for y in range(height):
        for x in range(width):
            patch = image[y * PATCH : (y + 1) * PATCH, x * PATCH : (x + 1) * PATCH]
            weight = of["embeddings.patch_embeddings.projection.weight"]
            row = np.einsum("yxc,dcyx->d", patch, weight) + table[y, x]
            rows.append(row + of["embeddings.patch_embeddings.projection.bias"])
    x = np.stack(rows)
    for i in range(BLOCKS):
        layer = f"encoder.layer.{i}"
        y = norm(x, of, f"{layer}.norm1")
        q, k, v = (
            linear(y, of, f"{layer}.attention.attention.{n}") for n in ("query", "key", "value")
        )
        heads = []
        for head in range(HEADS):
            some = slice(head * SIZE // HEADS, (head + 1) * SIZE // HEADS)
            logits = q[:, some] @ k[:, some].T / math.sqrt(SIZE // HEADS)
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            heads.append(weights / weights.sum(axis=1, keepdims=True) @ v[:, some])
        y = linear(np.concatenate(heads, axis=1), of, f"{layer}.attention.output.dense")
        x = x + of[f"{layer}.layer_scale1.lambda1"] * y
        y = linear(norm(x, of, f"{layer}.norm2"), of, f"{layer}.mlp.fc1")
        y = y * (1 + np.vectorize(math.erf)(y / math.sqrt(2))) / 2
        x = x + of[f"{layer}.layer_scale2.lambda1"] * linear(y, of, f"{layer}.mlp.fc2")
    return norm(x, of, "layernorm") if normalised else x


def norm(x: np.ndarray, of: dict[str, np.ndarray], name: str) -> np.ndarray:
    mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + EPSILON) * of[f"{name}.weight"] + of[f"{name}.bias"]


def linear(x: np.ndarray, of: dict[str, np.ndarray], name: str) -> np.ndarray:
    return x @ of[f"{name}.weight"].T + of[f"{name}.bias"]
