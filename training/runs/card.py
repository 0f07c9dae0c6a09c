"""The model card of a run: data, recipe, scores, command, commit and device."""

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

import hub
from isa_eqx import ISAConfig
from isa_eqx.card import describe_model, front_matter, method_name, usage_section

from ..config import TrainConfig
from ..data import describe_data, repo_of, short_name
from ..evaluation import METRICS
from ..presets import command
from .provenance import commit_hash, device_names


def title(config: TrainConfig) -> str:
    """Return the title of a run: data, variant, preset, what it started from, and seed."""
    name = "/".join(filter(None, (config.dataset, config.subset)))
    parts = [f"{name} ({short_name(config.data)})", config.model.variant, config.preset]
    if config.model.dtype != "float32":
        parts.append(config.model.dtype)
    if config.model.backbone:
        parts.append(f"features of {short_name(config.model.backbone)}")
    if config.init is not None:
        parts.append(f"from {short_name(config.init)}")
    return ", ".join((*parts, f"seed {config.seed}"))


def run_card(run: Path, config: TrainConfig, mesh: Mesh, resumed: bool, seeds: int = 1) -> str:
    """Return the card of a finished run, made from the files in its folder.

    - `mesh`: the devices that it was trained on.
    - `resumed`: whether the run was started by another process, perhaps of another commit.
    - `seeds`: models that were trained at once.
    """
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    final = [record for record in records if "images" in record][-1]
    seconds = max(record["seconds"] for record in records if "images" not in record)
    scores = {name: final[f"final_{name}"] for name in METRICS if f"final_{name}" in final}
    sections = (
        f"# {method_name(config.model)}: {title(config)}",
        f"{describe_model(config.model)} This one has learnt it without labels{_origin(config)}.",
        _picture(run, "samples.png", "Validation scenes taken apart by slots"),
        usage_section(config.model, str(run)),
        _results(scores, final["images"], config),
        _training(config, seconds, device_names(mesh), resumed, seeds),
        _picture(run, "curve.png", "Loss and scores over training"),
        f"Made by {hub.LIBRARY} {hub.version()}. `train.json` is the recipe, `config.json` the "
        "architecture, `metrics.jsonl` every metric over training.",
    )
    return hub.model_card(
        "\n\n".join(section.strip() for section in sections if section) + "\n",
        results=[_measured(name, value, final["images"], config) for name, value in scores.items()],
        model_name=title(config),
        base_model=repo_of(config.init or config.model.backbone),
        datasets=[repo_of(config.data) or config.dataset],
        license="apache-2.0",
        **front_matter(config.model),
    )


def _origin(config: TrainConfig) -> str:
    if config.init is None:
        return ""
    anew = "".join(f", without its `{part}`" for part in config.init_partial)
    return f", starting from the weights of `{config.init}`{anew}"


def _picture(run: Path, file: str, what: str) -> str:
    return f"![{what}]({file})" if (run / file).exists() else ""


def _measured(name: str, value: float, images: int, config: TrainConfig) -> dict[str, Any]:
    return dict(
        task_type="image-segmentation",
        task_name="Object discovery",
        dataset_type=repo_of(config.data) or config.dataset,
        dataset_name=f"{config.dataset} ({short_name(config.data)})",
        dataset_split="validation",
        dataset_args={"images": images},
        metric_type=name,
        metric_name=METRICS[name],
        metric_value=value,
    )


def _results(scores: dict[str, float], images: int, config: TrainConfig) -> str:
    names, values = (
        " | ".join(METRICS[name] for name in scores),
        " | ".join(f"{value:.4f}" for value in scores.values()),
    )
    left_out = "FG-ARI, mIoU and mBO leave the background out."
    if "fg_ari" not in scores:
        left_out = "The images have no label maps, so segmentations are not scored."
    elif config.model.masks_of == "attention":
        left_out += " Masks are those of the attention."
    return f"""\
## Results

| {names} | validation images |
|{"---|" * (len(scores) + 1)}
| {values} | {images:,} |

{left_out} This is one seed, {config.seed}; others may differ by
more than methods do. {describe_data(config.dataset, config.data)}"""


def _training(config: TrainConfig, seconds: float, devices: str, resumed: bool, seeds: int) -> str:
    recipe = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if not isinstance(getattr(config, field.name), ISAConfig)
    }
    end = " at its end; the run was resumed" if resumed else ""
    facts = {
        f"commit{end}": commit_hash(),
        f"device{end}": devices,
        "wall time of training"
        + (f" of {seeds} seeds at once" if seeds > 1 else ""): f"{seconds / 60:.1f} min",
        "date": datetime.date.today().isoformat(),
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in (facts | recipe).items())
    return f"""\
## Training

```
{command(config)}
```

| | |
|---|---|
{rows}"""
