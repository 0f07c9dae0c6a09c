"""Images of one's own, in whatever most of them lie: files, or parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...common.image_file import formats
from .images import Images, find_images
from .listing import list_sources
from .parquet import find_tables
from .records import Record
from .tables import Tables


def find_own(sources: Sequence[Path]) -> Images | Tables:
    """Return the image files of folders, or the images in their parquet files if these are more.

    Beside tables there may be a picture for people to look at, and the other way round.

    Raises a `ValueError` if there are neither, or not enough to train on and to validate on.
    """
    found = list_sources(sources)
    pictures = sum(path.suffix.lower() in formats() for path in found.files)
    try:
        tables = find_tables(found)
    except ValueError:
        if not pictures:
            raise
        tables = None
    if tables is not None and tables.count > pictures:
        return tables
    own = find_images(found)
    if own is None:
        raise ValueError(
            f"no image that Pillow reads, and no parquet, in {', '.join(map(str, sources))}"
            f"{'; links that lead out of it are not followed' * bool(found.outside)}."
        )
    return own


def read_records(dataset: str, sources: Sequence[Path]) -> Iterator[Record]:
    """Iterate over the images of folders, see `find_own`, each the square in its middle."""
    return find_own(sources).records(keep_aspect=False)
