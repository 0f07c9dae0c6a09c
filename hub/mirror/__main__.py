"""The command: `python -m hub.mirror clevr --source FILE --to user/isa-clevr`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from .convert import mirror
from .sources import release
from .targets import choose_target


def main(
    dataset: Annotated[Positional[str], tyro.conf.arg(metavar="DATASET")],
    source: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH …]")],
    to: Annotated[str, tyro.conf.arg(metavar="FOLDER|USER/NAME")],
    split: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="SPLIT [SPLIT …]", help_behavior_hint="(default: all)"),
    ] = (),
    limit: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: all)")
    ] = None,
    private: bool = False,
    shard_mb: Annotated[int, tyro.conf.arg(metavar="MB")] = 200,
) -> None:
    """Convert the release of a dataset to parquet, in a folder or on the Hub.

    To write to the Hub, log in first: hf auth login, or HF_TOKEN. If the command is interrupted,
    give it again to resume. To train on the mirror:
    python -m training.run --dataset DATASET --data FOLDER|USER/NAME

    Args:
        dataset: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or waymo_open.
        source: Files of the release, or folders of them.
        to: A repo of the Hub, created if absent; or a folder, such as ./clevr or /data/clevr.
        split: The splits to convert.
        limit: The largest number of rows in each split.
        private: Create the repo as a private one; an existing public one is refused.
        shard_mb: Megabytes of encoded images in each parquet file.
    """
    try:
        target = choose_target(to, dataset, private)
        print(f"Mirroring {release(dataset).title} to {target.name}")
        done = mirror(dataset, source, target, splits=split, limit=limit, shard_mb=shard_mb)
    except KeyboardInterrupt:
        sys.exit("\nStopped; finished shards stay. The same command goes on from there.")
    except (ValueError, OSError) as error:
        sys.exit("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]))
    for name in sorted({shard.split for shard in done.shards}):
        shards, _, rows = done.counts(name)
        print(f"  {name:12} {rows:>9,} rows in {shards} file{'s' * (shards != 1)}")
    print(f"python -m training.run --dataset {dataset} --data {shlex.quote(target.name)}")


if __name__ == "__main__":
    tyro.cli(main, prog="python -m hub.mirror", config=(tyro.conf.FlagCreatePairsOff,))
