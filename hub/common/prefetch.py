"""Prefetching in threads, and batching."""

import collections
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch(items: Iterable[Item], count: int) -> Generator[Item, None, None]:
    """Iterate over `items`, computing up to `count` of them ahead in a background thread.

    An error is raised in place of its item. The thread ends with the items, or when this iterator
    is closed or garbage collected.
    """
    made: queue.Queue[tuple[str, object]] = queue.Queue(maxsize=count)
    over = threading.Event()

    def put(kind: str, value: object) -> None:
        while not over.is_set():
            try:
                return made.put((kind, value), timeout=0.1)
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                put("item", item)
                if over.is_set():
                    return
        except BaseException as error:
            put("error", error)
        else:
            put("end", None)

    return _drain(made, over, threading.Thread(target=make, daemon=True))


def _drain(made: queue.Queue, over: threading.Event, thread: threading.Thread) -> Generator:
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if kind == "error":
                raise value  # type: ignore[misc]
            yield value
    finally:
        over.set()
        thread.join()


def begin(function: Callable[[], Result]) -> Callable[[], Result]:
    """Begin to call a function in a thread, and return one that waits for what it returns.

    An error is raised by each that waits. A program that ends does not wait.
    """
    future: Future[Result] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future.result


def parallel_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
    count: int,
    group: int = 1,
) -> Generator[Result, None, None]:
    """Map `function` over `items` in a thread pool, in order.

    - `count`: groups of items computed ahead.
    - `group`: items handed to a thread at once; each hand-over costs a tenth of a millisecond.

    An error is raised in place of its result.
    """

    def make(some: list[Item]) -> tuple[list[Result], Exception | None]:
        results: list[Result] = []
        try:
            for item in some:
                results.append(function(item))
        except Exception as error:
            return results, error
        return results, None

    pool = ThreadPoolExecutor(threads)
    made: collections.deque[Future[tuple[list[Result], Exception | None]]] = collections.deque()
    source, error = batched(items, group), None
    try:
        while True:
            while error is None and len(made) < count:
                try:
                    made.append(pool.submit(make, next(source)))
                except Exception as raised:  # StopIteration, too: what is made comes first
                    error = raised
            if not made:
                break
            results, failed = made.popleft().result()
            yield from results
            if failed is not None:
                raise failed
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if error is not None and not isinstance(error, StopIteration):
        raise error


def batched(
    items: Iterable[Item], max_size: int, size: Callable[[Item], int] = lambda item: 1
) -> Generator[list[Item], None, None]:
    """Collect `items` into lists, each ended by the item with which its size reaches `max_size`.

    - `size`: function that gives the size of an item, by default 1.

    An error is raised after the list of the items before it.
    """
    group: list[Item] = []
    total, error = 0, None
    try:
        for item in items:
            group.append(item)
            total += size(item)
            if total >= max_size:
                yield group
                group, total = [], 0
    except Exception as raised:
        error = raised
    if group:
        yield group
    if error is not None:
        raise error
