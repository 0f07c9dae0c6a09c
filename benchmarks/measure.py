"""What a compiled program costs, and what it could cost at best on this device."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one call of a program costs.

    - `compile_seconds`: to trace and compile it.
    - `temporary_bytes`: the peak of its temporary memory, inputs and outputs not counted, as the
      compiler planned it.
    - `gigaflops`: of its matrix products and convolutions, in thousand millions; what is
      elementwise is not counted.
    - `seconds`: of every timed call, the first one after compiling left out.
    """

    compile_seconds: float
    temporary_bytes: int
    gigaflops: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """The median time of a call, in seconds; `None` if none was timed."""
        return statistics.median(self.seconds) if self.seconds else None

    def to_dict(self, batch_size: int, peak: float) -> dict[str, Any]:
        """As JSON types. `peak`: matrix products of this device, in GFLOP/s."""
        timed: dict[str, Any] = {}
        if self.median is not None:
            timed = dict(
                seconds=self.median,
                fastest=min(self.seconds),
                slowest=max(self.seconds),
                images_per_second=batch_size / self.median,
                share_of_peak=self.gigaflops / self.median / peak,
            )
        return timed | dict(
            compile_seconds=self.compile_seconds,
            temporary_bytes=self.temporary_bytes,
            gigaflops=self.gigaflops,
        )


Program = tuple[Callable[..., Any], tuple[Any, ...]]


def costs(programs: Mapping[str, Program], repeats: int) -> dict[str, Cost]:
    """The costs of functions of arrays, each with its arguments.

    They are timed in turns, so that whatever slows the machine down for a while slows all of them.
    """
    compiled, plans = {}, {}
    for name, (function, arguments) in programs.items():
        start = time.perf_counter()
        traced = jax.jit(function).trace(*arguments)
        compiled[name] = traced.lower().compile()
        plans[name] = dict(
            compile_seconds=time.perf_counter() - start,
            temporary_bytes=compiled[name].memory_analysis().temp_size_in_bytes,
            gigaflops=flops(traced.jaxpr.jaxpr) / 1e9,
        )
    times: dict[str, list[float]] = {name: [] for name in programs}
    for turn in range(repeats + 1 if repeats else 0):
        for name, (_, arguments) in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(compiled[name](*arguments))
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: Cost(**plans[name], seconds=tuple(times[name])) for name in programs}


def flops(jaxpr: Jaxpr) -> float:
    """Operations of all matrix products and convolutions of a program, loops times their length.

    XLA's own count takes the body of a loop once.
    """
    return float(sum(times * flops_of(equation) for equation, times in equations(jaxpr)))


def equations(jaxpr: Jaxpr, times: int = 1) -> Iterator[tuple[JaxprEqn, int]]:
    """All that a program does, also inside of its functions and loops, and how many times."""
    for equation in jaxpr.eqns:
        inside = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr)
        bodies = [getattr(x, "jaxpr", x) for x in inside if _is_jaxpr(x)]
        length = equation.params["length"] if equation.primitive.name == "scan" else 1
        for body in bodies:
            yield from equations(body, times * length)
        if not bodies:
            yield equation, times


def flops_of(equation: JaxprEqn) -> float:
    """Operations of a matrix product or a convolution; 0 for all else."""
    parameters = equation.params
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        inner = math.prod(_shape(equation.invars[0])[axis] for axis in contracted)
        return 2 * inner * math.prod(_shape(equation.outvars[0]))
    if equation.primitive.name == "conv_general_dilated":
        kernel = _shape(equation.invars[1])
        outputs = kernel[parameters["dimension_numbers"].rhs_spec[0]]
        inner = math.prod(kernel) / outputs / parameters["batch_group_count"]
        spread = math.prod(parameters["lhs_dilation"])  # zeros between, which cost nothing
        return 2 * inner * math.prod(_shape(equation.outvars[0])) / spread
    return 0


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _is_jaxpr(x: Any) -> bool:
    return isinstance(x, Jaxpr | ClosedJaxpr)


def peak(dtype: str) -> float:
    """The matrix products that this device can do, in GFLOP/s: the fastest of ten large ones."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    x = jnp.ones((size, size), dtype)
    cost = costs({"product": (lambda x: x @ x, (x,))}, repeats=10)["product"]
    return cost.gigaflops / min(cost.seconds)
