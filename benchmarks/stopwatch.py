"""Where the time of a program goes: to the innermost of the named parts that it is in."""

import collections
import contextlib
import dataclasses
import functools
import importlib
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import FunctionType, GeneratorType, MethodType
from typing import Any

REST = "the rest"
KINDS = {
    "/jax/core/compile/jaxpr_trace_duration": "tracing",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "tracing",
    "/jax/core/compile/backend_compile_duration": "compiling",
}  # of events of `jax.monitoring`


@dataclasses.dataclass
class Part:
    """The time in a part, without that in parts inside of it.

    - `seconds`: in all, of which JAX spent some on `tracing` functions and on `compiling` them.
    - `times`: how often it was entered.
    """

    seconds: float = 0.0
    tracing: float = 0.0
    compiling: float = 0.0
    times: int = 0

    def __add__(self, other: "Part") -> "Part":
        return Part(*map(sum, zip(*map(dataclasses.astuple, (self, other)), strict=True)))


class Stopwatch:
    """The parts of one thread's time. What is in no part is in `REST`: together they are all of it.

    - `clock`: of seconds, the one that spans are told by.
    """

    def __init__(self, clock: Callable[[], float] = time.time):
        self.parts: dict[str, Part] = collections.defaultdict(Part)
        self._clock, self._since, self._inside = clock, clock(), [REST]
        self._spans: list[tuple[float, float]] = []

    def settle(self) -> None:
        """Add the time since it was last called to the part that the thread is in."""
        now = self._clock()
        self.parts[self._inside[-1]].seconds += now - self._since
        self._since = now

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time the block as part of that name."""
        self.settle()
        self._inside.append(name)
        self.parts[name].times += 1
        try:
            yield
        finally:
            self.settle()
            self._inside.pop()

    def add_span(self, kind: str, start: float, end: float) -> None:
        """Say that the part has spent this time on `tracing` or `compiling`, once it has.

        Of spans inside of each other, each counts without those inside of it.
        """
        inside = 0.0
        while self._spans and self._spans[-1][0] >= start:
            first, last = self._spans.pop()
            inside += last - first
        self._spans.append((start, end))
        part = self.parts[self._inside[-1]]
        setattr(part, kind, getattr(part, kind) + end - start - inside)


class Watch(threading.local):
    """A stopwatch for each thread, and the seconds that each program took to compile."""

    def __init__(self, main: Stopwatch, beside: list[Stopwatch], programs: list[Any]):
        self.stopwatch, self._programs = main, programs
        if threading.current_thread() is not threading.main_thread():
            self.stopwatch = Stopwatch()
            beside.append(self.stopwatch)

    def listen(self, event: str, start: float, end: float, fun_name: str = "", **_: Any) -> None:
        """Take an event of `jax.monitoring`."""
        if event in KINDS:
            self.stopwatch.add_span(KINDS[event], start, end)
            if KINDS[event] == "compiling":
                self._programs.append((fun_name, end - start))

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its calls timed, and those of a function that it returns; of a
        generator, those of its items.
        """

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stopwatch.part(name):
                result = function(*args, **kwargs)
            if isinstance(result, FunctionType | MethodType):
                return self.timed(name, result)
            return self._items(name, result) if isinstance(result, GeneratorType) else result

        return timed

    def _items(self, name: str, items: Generator[Any, None, None]) -> Generator[Any, None, None]:
        with contextlib.closing(items):
            while True:
                with self.stopwatch.part(name):
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item

    @contextlib.contextmanager
    def watching(self, parts: Mapping[str, Sequence[str]]) -> Iterator[None]:
        """Time functions in the block, each as part of a name.

        - `parts`: by name, where the functions are looked up, as `module:name` or
          `module:class.name`.
        """
        with contextlib.ExitStack() as stack:
            for name, places in parts.items():
                for place in places:
                    module, _, inside = place.partition(":")
                    *holders, attribute = inside.split(".")
                    owner = functools.reduce(getattr, holders, importlib.import_module(module))
                    function = getattr(owner, attribute)
                    stack.callback(setattr, owner, attribute, function)
                    setattr(owner, attribute, self.timed(name, function))
            yield
