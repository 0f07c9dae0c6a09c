"""A step of training and its parts, and the step with attention in its direct form:
`python -m benchmarks.step --dataset clevr --variant isa-tsr --dtype bfloat16`.

Without `--dataset`, the steps of all of them on several devices, those of whole images with and
without recomputing: `python -m benchmarks.step --preset quick --devices 1,2`.
"""

import dataclasses
import datetime
from collections.abc import Iterator

import jax

from hub.common.terminal import resilient_output
from training.config import TrainConfig
from training.data import DATASETS
from training.distributed import use_all_cores
from training.runs import commit_hash, device_name

from . import parts
from .arguments import Options, Recompute, parse
from .forms import differences, forms, model
from .measure import costs
from .report import report


@dataclasses.dataclass(frozen=True)
class Step(Options):
    """What is measured, and how."""

    dataset: str = "all"
    """Whose model: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy, waymo_open."""
    devices: str = "1"
    """With all datasets, how many devices, such as 1,2. Each core of a CPU is one."""
    recompute: Recompute = None
    """Whether the decoder holds one slot's layers at a time and computes them twice."""

    def config(self) -> TrainConfig:
        """Return the recipe, of all datasets the first."""
        if self.dataset == "all":
            return next(self.each())
        config = super().config()
        if self.recompute is None:
            return config
        return dataclasses.replace(config, recompute=self.recompute)

    def each(self) -> Iterator[TrainConfig]:
        """Iterate over the recipes of all datasets."""
        for name in [name for name, dataset in DATASETS.items() if not dataset.own]:
            config = dataclasses.replace(self, dataset=name, recompute=None).config()
            both = (False, True) if self.recompute is None else (self.recompute,)
            for recompute in both if config.loss_pixels is None else (False,):
                yield dataclasses.replace(config, recompute=recompute)


def main(options: Step, config: TrainConfig) -> None:
    """Measure the step and its parts, or the steps of all datasets."""
    if options.dataset == "all":
        return compare(options)
    programs, apart = forms(parts.step, config), {}
    if "direct" in programs and options.repeats:
        apart = differences(parts.gradient, config)
    fast = model(config)
    for part in (parts.encoder, parts.attention, parts.decoder):
        programs[part.__name__] = part(config, fast)
    report("step", config, costs(programs, options.repeats), apart, options.json)


def compare(options: Step) -> None:
    """Print a table with the median time of a step on each number of devices."""
    use_all_cores()
    counts = [int(count) for count in options.devices.split(",")]
    print(f"{device_name()}; commit {commit_hash()}, {datetime.date.today().isoformat()}")
    print(f"| {options.preset}, {options.variant} | batch | decoder | memory |", end="")
    print("".join(f" {n} of {len(jax.devices())} devices |" for n in counts))
    print("|---" * (4 + len(counts)) + "|")
    for config in options.each():
        started = model(config)
        programs = {f"{n}": parts.step(config, started, n) for n in counts}
        found = list(costs(programs, options.repeats).values())
        decoder = "pixels" if config.loss_pixels else "recomputes" if config.recompute else "whole"
        cells = [config.dataset, f"{config.batch_size}", decoder]
        cells.append(f"{found[0].temporary_bytes / 1e6:,.0f} MB")
        first = found[0].median
        for cost in found:
            if first is None or cost.median is None:
                cells.append("not run")
            else:
                cells.append(f"{cost.median * 1e3:,.1f} ms, {first / cost.median:.2f}×")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    with resilient_output():
        main(*parse(Step, "benchmarks.step", "A step of training, its parts, and its direct form."))
