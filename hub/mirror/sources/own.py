"""Images of one's own, in whatever they lie: files, else parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from .images import Images, find_images
from .listing import list_sources
from .parquet import find_tables
from .records import Record
from .tables import Tables


def find_own(sources: Sequence[Path]) -> Images | Tables:
    """Return the image files of folders, if there are any, else the images in their parquet files.

    Raises a `ValueError` if there are neither, or not enough to train on and to validate on.
    """
    found = list_sources(sources)
    own = find_images(found) or find_tables(found)
    if own is None:
        raise ValueError(
            f"no image that Pillow reads, and no parquet, in {', '.join(map(str, sources))}"
            f"{'; links that lead out of it are not followed' * bool(found.outside)}."
        )
    return own


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the images of folders, see `find_own`, each the square in its middle."""
    return find_own(sources).records(keep_aspect=False)
