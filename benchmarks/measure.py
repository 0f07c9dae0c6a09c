"""The cost of compiled programs: time, memory and operations, against the device's peak."""

import dataclasses
import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn
from jax.stages import Compiled


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a program, per call.

    - `compile_seconds`: time to trace and compile it.
    - `temporary_bytes`: peak of its temporary memory as planned by the compiler, without inputs
      and outputs.
    - `gigaflops`: 10⁹ operations of matrix products and convolutions; elementwise ones are not
      counted.
    - `seconds`: time of every timed call, without the first one after compiling.
    """

    compile_seconds: float
    temporary_bytes: int
    gigaflops: float
    seconds: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """Median time of a call in seconds, `None` if none was timed."""
        return statistics.median(self.seconds) if self.seconds else None

    def to_dict(self, batch_size: int, peak: float) -> dict[str, Any]:
        """Return the cost as JSON types. `peak`: of this device's matrix products, in GFLOP/s."""
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
    """Measure the costs of functions of arrays, each with its arguments.

    They are timed in turns, so that a slow phase of the machine slows all of them.
    """
    compiled, plans = {}, {}
    for name, program in programs.items():
        compiled[name], plans[name] = compile_program(program)

    def call(name: str) -> Any:
        return jax.block_until_ready(compiled[name](*programs[name][1]))

    times = in_turns({name: functools.partial(call, name) for name in programs}, repeats)
    return {name: dataclasses.replace(plans[name], seconds=tuple(times[name])) for name in programs}


def in_turns(forms: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each call of each form, in turns, but for the first of each."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(repeats + 1 if repeats else 0):
        for name, form in forms.items():
            start = time.perf_counter()
            form()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def compile_program(program: Program) -> tuple[Compiled, Cost]:
    """Return a function, compiled for its arguments, and its cost, of which no call is timed."""
    function, arguments = program
    start = time.perf_counter()
    traced = jax.jit(function).trace(*arguments)
    compiled = traced.lower().compile()
    seconds, memory = time.perf_counter() - start, compiled.memory_analysis()
    assert memory is not None  # as for the devices of JAX
    cost = Cost(
        compile_seconds=seconds,
        temporary_bytes=memory.temp_size_in_bytes,
        gigaflops=flops(traced.jaxpr.jaxpr) / 1e9,
        seconds=(),
    )
    return compiled, cost


def flops(jaxpr: Jaxpr) -> float:
    """Return the operations of all matrix products and convolutions of a program.

    The body of a loop counts as often as it runs; XLA's own count takes it once.
    """
    return float(sum(times * flops_of(equation) for equation, times in equations(jaxpr)))


def equations(jaxpr: Jaxpr, times: int = 1) -> Iterator[tuple[JaxprEqn, int]]:
    """Iterate over the equations of a program, nested ones included, and how often each runs."""
    for equation in jaxpr.eqns:
        inside = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr)
        bodies = [getattr(x, "jaxpr", x) for x in inside if _is_jaxpr(x)]
        length = equation.params["length"] if equation.primitive.name == "scan" else 1
        for body in bodies:
            yield from equations(body, times * length)
        if not bodies:
            yield equation, times


def flops_of(equation: JaxprEqn) -> float:
    """Return the operations of a matrix product or a convolution, 0 for any other equation."""
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
    """Return the device's peak in GFLOP/s: that of the fastest of ten large matrix products."""
    size = 2048 if jax.default_backend() == "cpu" else 8192
    x = jnp.ones((size, size), dtype)
    cost = costs({"product": (lambda x: x @ x, (x,))}, repeats=10)["product"]
    return cost.gigaflops / min(cost.seconds)
