"""Slot attention in its fast form and in its direct form:
`python -m benchmarks.attention --dataset tetrominoes --batch-size 16`.
"""

import sys

from hub.common.terminal import resilient_output
from training.config import TrainConfig

from .arguments import Options, parse
from .forms import differences, forms
from .measure import costs
from .parts import attention
from .report import report


def main(options: Options, config: TrainConfig) -> None:
    """Measure both forms, forward and backward, from features to slots and back."""
    if config.model.variant == "sa":
        sys.exit("error: sa has no direct form; name isa-t, isa-ts or isa-tsr with --variant.")
    programs = forms(attention, config)
    apart = differences(attention, config) if options.repeats else {}
    report("attention", config, costs(programs, options.repeats), apart, options.json)


if __name__ == "__main__":
    with resilient_output():
        main(
            *parse(
                Options,
                "benchmarks.attention",
                "Slot attention's fast form against the direct one.",
            )
        )
