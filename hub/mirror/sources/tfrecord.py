"""TFRecord files without TensorFlow: plain, GZIP or ZLIB, in constant memory, checksums checked.

A record is its length (u64), the masked CRC-32C of that (u32), the payload, and the payload's
(u32), little-endian.
"""

import contextlib
import functools
import importlib
import io
import struct
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from ...common.lfs import check_is_here
from ...common.prefetch import batched, prefetch

_HEADER = struct.Struct("<QI")
_CHUNK = 1 << 18  # bytes read or unpacked at once
_GROUP = 1 << 20  # bytes of records that the unpacking thread hands over at once
_AHEAD = 4  # groups unpacked while others are looked at
_ANY = 47  # for zlib: GZIP or ZLIB, whichever it is
_MAX_BYTES = 1 << 29  # bytes of a record; a frame of Waymo has a hundredth of that


def read_records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Iterate over the payloads of a file, each after the number of bytes read so far.

    Raises a `ValueError` that names the file and the record, counted from 0, if the file is cut
    off, a checksum is wrong, or it is no TFRecord file.
    """
    # To hand a record over to another thread takes as long as to unpack a small one.
    groups = batched(_records(path), _GROUP, lambda record: len(record[1]))
    with contextlib.closing(prefetch(groups, _AHEAD)) as unpacked:
        for group in unpacked:
            yield from group


def _records(path: Path) -> Iterator[tuple[int, bytes]]:
    count = 0
    check_is_here(path)
    with path.open("rb", buffering=0) as file, _unpacked(file) as stream:

        def take(size: int, what: str) -> bytes:
            taken = stream.read(size)
            if len(taken) < size:
                raise ValueError(f"the file is cut off in {what}")
            return taken

        try:
            while stream.peek(1):
                header = take(_HEADER.size, "its header")
                length, checksum = _HEADER.unpack(header)
                if masked_crc(header[:8]) != checksum:
                    raise ValueError(
                        "its length is damaged" if count else "the file holds no TFRecords"
                    )
                if length > _MAX_BYTES:
                    raise ValueError(f"it claims {length:,} bytes, more than any has")
                payload = take(length, f"its {length:,} bytes")
                if masked_crc(payload) != int.from_bytes(take(4, "its checksum"), "little"):
                    raise ValueError("it is damaged, its checksum differs")
                yield file.tell(), payload
                count += 1
        except (ValueError, EOFError, _zlib().error) as error:
            raise ValueError(f"{path}, record {count}: {error}.") from error


def masked_crc(data: bytes) -> int:
    """Return the checksum of the format: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = _library("google_crc32c").value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _zlib() -> ModuleType:
    """Return zlib-ng, which is twice as fast as Python's zlib and has the same functions."""
    return _library("zlib_ng.zlib_ng")


@functools.cache
def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(
            'TFRecords are read with google-crc32c and zlib-ng: pip install "isa-eqx[original]".'
        ) from error


def _unpacked(file: io.FileIO) -> io.BufferedReader:
    """Open the contents of a file, decompressed if need be."""
    start = file.read(_HEADER.size)
    file.seek(0)
    raw = _Inflated(file) if _is_compressed(start) else file
    return io.BufferedReader(raw, _CHUNK)


def _is_compressed(start: bytes) -> bool:
    """Return whether a file starts like GZIP or ZLIB, and not with a length and its checksum."""
    is_record = len(start) == _HEADER.size and masked_crc(start[:8]) == int.from_bytes(
        start[8:], "little"
    )
    is_zlib = len(start) > 1 and start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return not is_record and (start[:2] == b"\x1f\x8b" or is_zlib)


class _Inflated(io.RawIOBase):
    """The contents of concatenated GZIP or ZLIB streams; zlib checks the checksum of each."""

    def __init__(self, file: io.FileIO):
        self._file, self._stream, self._rest = file, _zlib().decompressobj(_ANY), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = b""
        while not data:
            packed = self._rest or self._file.read(_CHUNK)
            if self._stream.eof and not packed:
                return 0
            if self._stream.eof:
                packed, self._rest = packed.lstrip(b"\0"), b""  # padding, as gzip allows
                self._stream = _zlib().decompressobj(_ANY) if packed else self._stream
            elif not packed:
                raise EOFError("the file is cut off in its compressed data")
            if packed:
                data = self._stream.decompress(packed, len(buffer))
                self._rest = self._stream.unused_data or self._stream.unconsumed_tail
        buffer[: len(data)] = data
        return len(data)
