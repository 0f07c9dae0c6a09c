"""The way from releases to batches, on procedural files: `python -m benchmarks.data`."""

import dataclasses
import datetime
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
import tyro

from hub.common.terminal import resilient_output
from hub.mirror import FolderTarget, mirror
from hub.mirror.sources import tfrecord
from training.data import Batches, Images, Place
from training.data.loading import cache_split, stream_split
from training.data.mirrored import Mirror, open_mirror
from training.data.scenes import shuffled_batches
from training.presets import preset
from training.runs import commit_hash, device_name

from .drawing import DRAWN, draw, drawing_share, sizes
from .scenes import Size, write_mirror, write_release

BATCH = 64
CACHED_EPOCHS = 20
FORMS = {"tetrominoes": ((35, 35), 4), "clevr": ((240, 320), 11)}  # size, entities
RECORDS = {"tetrominoes": 20_000, "clevr": 1200}  # of a release
ROWS = {(35, 35): 20_000, (128, 128): 4_000, (240, 320): 1_000, (64, 64): 6_400}  # of a mirror


@dataclasses.dataclass(frozen=True)
class Options:
    """What is measured, and how."""

    repeats: int = 3
    """Timed runs of each."""
    json: bool = False
    """Print one line of JSON to standard output, and the table to standard error."""


def main(options: Options) -> None:
    """Measure every step from release to batch."""
    if options.repeats < 1:
        sys.exit(f"error: --repeats must be at least 1, got {options.repeats}.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        conversions = measure_mirroring(folder)
        timed = measurements(folder)
        shares = {name: drawing_share(preset(name, name="quick"), DRAWN[name]) for name in DRAWN}
        runs = [{name: run() for name, run in timed.items()} for _ in range(options.repeats)]
    record = dict(
        benchmark="data",
        device=device_name(),
        commit=commit_hash(),
        date=datetime.date.today().isoformat(),
        per_second={name: [run[name] for run in runs] for name in timed},
        mirror=conversions,
        drawing_share=shares,
    )
    print(format_report(record), file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps(record))


def measure_mirroring(folder: Path) -> dict[str, dict[str, float]]:
    """Return time and memory of `hub.mirror` for a release, and for one of ten times the size."""
    found = {}
    for dataset, count in RECORDS.items():
        for records in (count // 10, count):
            path = write_release(release_path(folder, dataset, records), *FORMS[dataset], records)
            # In a process that is forked from a small one, as its peak begins with its parent's.
            with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as process:
                seconds, peak = process.submit(
                    time_mirror, dataset, path, folder / f"{path.stem}-mirror"
                ).result()
            label = f"{dataset}, {records:,} records"
            found[label] = dict(rows_per_second=records / seconds, peak_bytes=peak)
    return found


def release_path(folder: Path, dataset: str, records: int | None = None) -> Path:
    """Return the path of a release, by default of the larger one."""
    return folder / f"{dataset}-{records or RECORDS[dataset]}.tfrecords"


def time_mirror(dataset: str, source: Path, to: Path) -> tuple[float, int]:
    """Return the seconds of `hub.mirror`, and the peak memory of this process in bytes."""
    start = time.perf_counter()
    mirror(dataset, [source], FolderTarget(to))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak * (1 if sys.platform == "darwin" else 1024)


def measurements(folder: Path) -> dict[str, Callable[[], float]]:
    """Write files to read; return functions that measure rates on them, per second.

    An epoch that is streamed includes opening the mirror and filling the shuffle buffer. Batches
    are on the device, as 8-bit pixels.
    """

    def made(dataset: str, size: Size) -> Mirror:
        return open_mirror(
            str(write_mirror(folder / f"{dataset}-{size}", dataset, size, ROWS[size])), dataset
        )

    small, medium, large = (
        made("tetrominoes", (35, 35)),
        made("objects_room", (128, 128)),
        made("clevr", (240, 320)),
    )
    images = cache_split(made("objects_room", (64, 64)), "train", (64, 64), ROWS[64, 64])
    return {
        "TFRecord reader, tetrominoes": partial(read, release_path(folder, "tetrominoes")),
        "TFRecord reader, clevr": partial(read, release_path(folder, "clevr")),
        "streamed, tetrominoes": partial(stream, small, (35, 35)),
        "streamed, 128×128": partial(stream, medium, (128, 128)),
        "streamed, clevr, 240×320 to 128×128": partial(stream, large, (128, 128)),
        "from the cache, 64×64": partial(replay, images),
        **{
            f"drawn, {name}, {size[0]}×{size[1]}": partial(draw, name, size, count)
            for name, count in DRAWN.items()
            for size in sizes(name)
        },
    }


def read(path: Path) -> float:
    """Return records per second, checksums checked."""
    start = time.perf_counter()
    count = sum(1 for _ in tfrecord.read_records(path))
    return count / (time.perf_counter() - start)


def stream(found: Mirror, size: Size) -> float:
    """Return rows per second of an epoch."""
    rows = found.count("train")
    start = time.perf_counter()
    batches = stream_split(found, "train", size, max_rows=rows, place=Place(BATCH))
    return take(batches, rows, start)


def replay(images: Images) -> float:
    """Return images per second of many epochs from memory."""
    start = time.perf_counter()
    batches = shuffled_batches(images, Place(BATCH))
    return take(batches, CACHED_EPOCHS * len(images), start)


def take(batches: Batches, count: int, start: float) -> float:
    """Return images per second since `start`, once `count` of them are on the device."""
    for images in islice(batches, count // BATCH):
        jax.block_until_ready(jax.device_put(images))
    seconds = time.perf_counter() - start
    batches.close()
    return count // BATCH * BATCH / seconds


def format_report(record: Mapping[str, Any]) -> str:
    """Format the rates, and the figures of `hub.mirror`, as tables."""
    lines = ["data: {device}; commit {commit}, {date}".format(**record)]
    width = max(map(len, record["per_second"]))
    lines.append(f"{'':{width}}  per second  slowest … fastest")
    for name, found in record["per_second"].items():
        median, low, high = statistics.median(found), min(found), max(found)
        lines.append(f"{name:{width}}  {median:10,.0f}  {f'{low:,.0f} … {high:,.0f}':>17}")
    lines.append(f"{'hub.mirror':{width}}  per second  peak of memory")
    for name, found in record["mirror"].items():
        rate, peak = found["rows_per_second"], found["peak_bytes"] / 1e6
        lines.append(f"{name:{width}}  {rate:10,.0f}  {f'{peak:,.0f} MB':>14}")
    lines.append(f"{'drawing':{width}}  share of a run with the preset quick")
    for name, share in record["drawing_share"].items():
        lines.append(f"{name:{width}}  {100 * share:9.1f}%")
    return "\n".join(lines)


if __name__ == "__main__":
    with resilient_output():
        main(
            tyro.cli(
                Options,
                prog="python -m benchmarks.data",
                description="From the releases to batches.",
                config=(tyro.conf.FlagCreatePairsOff,),
            )
        )
