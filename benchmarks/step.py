"""A step of training and its parts, and the step with attention in its direct form:
`python -m benchmarks.step --dataset clevr --variant isa-tsr --dtype bfloat16`.
"""

import dataclasses

from hub.common.terminal import resilient_output
from training.config import TrainConfig

from . import parts
from .arguments import Options, Recompute, parse
from .forms import differences, forms, model
from .measure import costs
from .report import report


@dataclasses.dataclass(frozen=True)
class Step(Options):
    """What is measured, and how."""

    recompute: Recompute = None
    """Whether the decoder holds one slot's layers at a time and computes them twice."""

    def config(self) -> TrainConfig:
        config = super().config()
        if self.recompute is None:
            return config
        return dataclasses.replace(config, recompute=self.recompute)


def main(options: Step, config: TrainConfig) -> None:
    """Measure the step and its parts; the rest of the step is loss and optimiser."""
    programs, apart = forms(parts.step, config), {}
    if "direct" in programs and options.repeats:
        apart = differences(parts.gradient, config)
    fast = model(config)
    for part in (parts.encoder, parts.attention, parts.decoder):
        programs[part.__name__] = part(config, fast)
    report("step", config, costs(programs, options.repeats), apart, options.json)


if __name__ == "__main__":
    with resilient_output():
        main(*parse(Step, "benchmarks.step", "A step of training, its parts, and its direct form."))
