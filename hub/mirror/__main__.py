"""The command: `python -m hub.mirror clevr --source FILE --to user/isa-clevr`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from ..common.terminal import printable, resilient_output
from .convert import mirror
from .images import IMAGES, choose_images
from .shards import PROCEDURAL
from .sources import Release, find_release
from .targets import choose_target


def main(
    dataset: Annotated[Positional[str], tyro.conf.arg(metavar="DATASET")],
    source: Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH [PATH …]|procedural|USER/NAME")],
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
    keep_aspect: bool = False,
) -> None:
    """Convert the release of a dataset, or scenes drawn in its place, to parquet, in a folder or on
    the Hub.

    To write to the Hub, log in first: hf auth login, or HF_TOKEN. If the command is interrupted,
    give it again to resume. To train on the mirror:
    python -m training.run --dataset DATASET --data FOLDER|USER/NAME

    Args:
        dataset: tetrominoes, objects_room, clevr, clevrtex, multishapenet_easy or waymo_open; or
            images, for images of your own.
        source: Files of the release, or folders of them; or procedural, to draw the scenes. For
            images: folders of images, with label maps if there are (NAME_mask.png, or a folder
            masks), or of parquet; or a dataset of the Hub.
        to: A repo of the Hub, created if absent; or a folder, such as ./clevr or /data/clevr.
        split: The splits to convert.
        limit: The largest number of rows in each split.
        private: Create the repo as a private one; an existing public one is refused.
        shard_mb: Megabytes of encoded images in each parquet file.
        keep_aspect: Of images: keep all of each, not the square in its middle.
    """
    try:
        release, paths, identity = _choose(dataset, source, split, limit, keep_aspect)
        target = choose_target(to, dataset, private, release)
        print(printable(f"Mirroring {release.title} to {target.name}"))
        done = mirror(
            dataset, paths, target, release=release, identity=identity, splits=split, limit=limit,
            shard_mb=shard_mb,
        )  # fmt: skip
    except KeyboardInterrupt:
        sys.exit("\nStopped; finished shards stay. The same command goes on from there.")
    except (ValueError, OSError, ImportError) as error:
        sys.exit("\n".join(map(printable, [f"error: {error}", *getattr(error, "__notes__", ())])))
    for name, use in (("train", "train"), ("validation", "validate")):
        if dataset == IMAGES and not (split or done.counts(name)[2]):
            sys.exit(
                printable(
                    f"error: {target.name} has no image to {use} on: each was left out, as said "
                    "above. Mend them, or name others, and another --to."
                )
            )
    for name in sorted({shard.split for shard in done.shards}):
        shards, _, rows = done.counts(name)
        print(f"  {name:17} {rows:>9,} rows in {shards} file{'s' * (shards != 1)}")
    print(printable(done.training_command(target.name)))


def _choose(
    dataset: str, source: Sequence[str], split: Sequence[str], limit: int | None, keep_aspect: bool
) -> tuple[Release, list[Path], tuple[str, str] | None]:
    """Return what is to be converted, its files, and what identifies it if that is not these."""
    if dataset == IMAGES:
        choice = choose_images(source, keep_aspect)
        print(choice.understood)
        return choice.release, list(choice.paths), choice.identity
    if keep_aspect:
        raise ValueError(f"--keep-aspect is for {IMAGES}; leave it out for {dataset}.")
    release = find_release(dataset)
    if tuple(source) == (PROCEDURAL,):  # a folder of that name is ./procedural
        from isa_eqx.neighbours import check_neighbours

        check_neighbours("training")
        from training.data import procedural_release

        return procedural_release(dataset, split, limit), [], None
    return release, list(map(Path, source)), None


if __name__ == "__main__":
    with resilient_output():
        tyro.cli(main, prog="python -m hub.mirror", config=(tyro.conf.FlagCreatePairsOff,))
