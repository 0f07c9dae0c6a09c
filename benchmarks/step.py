"""A step of training and its parts, and the step with attention in its direct form:
`python -m benchmarks.step --dataset clevr --variant isa-tsr --dtype bfloat16`.

Without `--dataset`, or with other devices than one, a table of steps, those of whole images with
and without recomputing: `python -m benchmarks.step --preset quick --devices 1,2`.
"""

import dataclasses
import datetime
import functools
import json
import sys
from collections.abc import Iterator, Sequence

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
    """How many devices the steps of the table are on, such as 1,2. Each core of a CPU is one."""
    recompute: Recompute = None
    """Whether the decoder holds one slot's layers at a time and computes them twice."""

    def config(self) -> TrainConfig:
        """Return the recipe, of all datasets the first."""
        if not all(count.strip().isdecimal() for count in self.devices.split(",")):
            raise ValueError(f"--devices must be numbers, such as 1,2; got {self.devices!r}.")
        if self.dataset == "all":
            return next(self.each())
        config = super().config()
        if self.recompute is None:
            return config
        return dataclasses.replace(config, recompute=self.recompute)

    def counts(self) -> list[int]:
        """Return the numbers of devices."""
        return [int(count) for count in self.devices.split(",")]

    def each(self) -> Iterator[TrainConfig]:
        """Iterate over the recipes of the table."""
        every = [name for name, dataset in DATASETS.items() if not dataset.own]
        for name in every if self.dataset == "all" else [self.dataset]:
            config = dataclasses.replace(self, dataset=name, recompute=None).config()
            both = (False, True) if self.recompute is None else (self.recompute,)
            for recompute in both if config.loss_pixels is None else (False,):
                yield dataclasses.replace(config, recompute=recompute)


def main(options: Step, config: TrainConfig) -> None:
    """Measure the step and its parts, or print the table of steps."""
    if options.dataset == "all" or options.counts() != [1]:
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
    say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    where = dict(device=device_name(), commit=commit_hash(), date=f"{datetime.date.today()}")
    devices = [f"{n} of {len(jax.devices())} devices" for n in options.counts()]
    header = [f"{options.preset}, {options.variant}", "batch", "decoder", "memory", *devices]
    say("{device}; commit {commit}, {date}".format(**where))
    say(f"| {' | '.join(header)} |")
    say("|---" * len(header) + "|")
    steps = []
    for config in options.each():
        started = model(config)
        programs = {f"{n}": parts.step(config, started, n) for n in options.counts()}
        found = costs(programs, options.repeats)
        decoder = "pixels" if config.loss_pixels else "recomputes" if config.recompute else "whole"
        memory = next(iter(found.values())).temporary_bytes
        seconds = {n: cost.median for n, cost in found.items()}
        say(f"| {' | '.join(row(config, decoder, memory, list(seconds.values())))} |")
        named = dict(dataset=config.dataset, batch_size=config.batch_size, decoder=decoder)
        steps.append(named | dict(temporary_bytes=memory, seconds=seconds))
    if options.json:
        print(json.dumps(dict(benchmark="step", preset=options.preset, **where, steps=steps)))


def row(
    config: TrainConfig, decoder: str, memory: int, seconds: Sequence[float | None]
) -> list[str]:
    """Return the cells of a recipe: the time on each number of devices, and how often the first."""
    first = seconds[0]
    times = [
        "not run" if one is None or first is None else f"{one * 1e3:,.1f} ms, {first / one:.2f}×"
        for one in seconds
    ]
    return [config.dataset, f"{config.batch_size}", decoder, f"{memory / 1e6:,.0f} MB", *times]


if __name__ == "__main__":
    with resilient_output():
        main(*parse(Step, "benchmarks.step", "A step of training, its parts, and its direct form."))
