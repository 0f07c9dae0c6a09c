"""TFRecord files without TensorFlow: plain, GZIP or ZLIB, in constant memory, checked.

A record is its length (u64), the masked CRC-32C of that (u32), the payload, and the payload's
(u32), little-endian.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..ahead import ahead

_HEADER = struct.Struct("<QI")
_CHUNK = 1 << 16  # bytes; larger pieces fall out of the processor's cache
_AHEAD = 64  # pieces unpacked while others are looked at
_MOST = 1 << 29  # bytes of a record; a frame of Waymo has a hundredth of that


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """The payloads of a file, each with the bytes of the file that are behind it, or nearly.

    Raises a `ValueError` that names the file and the record, counted from 0, if the file is cut
    off, a checksum is wrong, or it is no TFRecord at all.
    """
    pieces = ahead(_unpacked(path), _AHEAD)
    buffer, count, place = bytearray(), 0, 0

    def more() -> bool:
        nonlocal place
        place, piece = next(pieces, (place, b""))
        buffer.extend(piece)
        return bool(piece)

    def take(size: int, what: str) -> bytes:
        while len(buffer) < size:
            if not more():
                raise ValueError(f"{path}, record {count}: the file is cut off in {what}.")
        taken = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return taken

    while buffer or more():
        header = take(_HEADER.size, "its header")
        length, checksum = _HEADER.unpack(header)
        if masked_crc(header[:8]) != checksum:
            where = "is no TFRecord file" if count == 0 else "its length is damaged"
            raise ValueError(f"{path}, record {count}: {where} (the checksum differs).")
        if length > _MOST:
            raise ValueError(f"{path}, record {count}: it claims {length:,} bytes; wanted fewer.")
        payload = take(length, f"its {length:,} bytes")
        if masked_crc(payload) != int.from_bytes(take(4, "its checksum"), "little"):
            raise ValueError(f"{path}, record {count}: it is damaged (its checksum differs).")
        yield place, payload
        count += 1


def masked_crc(data: bytes) -> int:
    """The checksum of the format: CRC-32C, rotated by 15 bits, and a constant added."""
    try:
        import google_crc32c
    except ModuleNotFoundError as error:
        raise ValueError(
            'TFRecords are checked by google-crc32c: pip install "isa-eqx[original]".'
        ) from error
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _unpacked(path: Path) -> Iterator[tuple[int, bytes]]:
    """What the file holds, piece by piece, each with how far the file has been read."""
    with path.open("rb") as file:
        start = file.read(_HEADER.size)
        file.seek(0)
        pieces = iter(lambda: file.read(_CHUNK), b"")
        try:
            for piece in _inflated(pieces) if _is_compressed(start) else pieces:
                yield file.tell(), piece
        except zlib.error as error:
            raise ValueError(f"{path}: its compressed data is damaged ({error}).") from error
        except EOFError as error:
            raise ValueError(f"{path}: the file is cut off within its compressed data.") from error


def _is_compressed(start: bytes) -> bool:
    """Whether it begins as GZIP or ZLIB do, and not with a length and its checksum."""
    is_record = len(start) == _HEADER.size and masked_crc(start[:8]) == int.from_bytes(
        start[8:], "little"
    )
    is_zlib = len(start) > 1 and start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return not is_record and (start[:2] == b"\x1f\x8b" or is_zlib)


def _inflated(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Streams of GZIP or ZLIB, one after the other; each ends with a checksum, which is checked."""
    stream, rest = zlib.decompressobj(47), b""
    while piece := rest or next(pieces, b""):
        if stream.eof:
            stream = zlib.decompressobj(47)
        out = stream.decompress(piece, _CHUNK)
        rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        if out:
            yield out
    if not stream.eof:
        raise EOFError
