"""Parquet files, opened by their very names."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...common.errors import reason
from ...common.lfs import check_is_here
from ...common.terminal import printable

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator["ParquetFile"]:
    """Open a parquet file, whose checksums are verified as it is read.

    Raises a `ValueError` that names it if it is damaged, or is none.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    check_is_here(path)
    try:
        # Opened here, as Arrow opens no name that is not UTF-8, and takes no pattern for a name.
        with (
            path.open("rb") as stream,
            ParquetFile(stream, page_checksum_verification=True) as file,
        ):
            yield file
    except (ArrowException, OSError) as error:
        raise ValueError(
            f"{printable(path)} is damaged or no parquet ({reason(error)})."
        ) from error
