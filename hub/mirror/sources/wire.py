"""The wire format of protocol buffers, without a schema, as far as the datasets use it."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Shaped, UInt8

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Of strings of one byte: tag and length, which are the same for all, and a byte that is not
# looked at. Eight bytes at a time, 512 times: a whole number of strings, and of words.
_PERIOD = 8 * 512
_FIXED = np.frombuffer(b"\xff\xff\x00" * _PERIOD, np.uint64)
_EXPECTED = np.frombuffer(b"\x0a\x01\x00" * _PERIOD, np.uint64)


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Iterate over the fields of a message: number, and integer or bytes.

    Raises a `ValueError` if the bytes are no message.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"its bytes are no protocol buffer (a field of kind {kind}).")
        if place + size > len(message):
            raise ValueError("its bytes are no protocol buffer (a field longer than the message).")
        yield tag >> 3, message[place : place + size]
        place += size


def submessage(message: memoryview, number: int) -> memoryview:
    """Return the last value of a field of bytes, empty if there is none."""
    found = memoryview(b"")
    for field, value in fields(message):
        if field == number and isinstance(value, memoryview):
            found = value
    return found


def strings(values: memoryview) -> list[bytes]:
    """Decode a `BytesList`."""
    return [bytes(v) for n, v in fields(values) if n == 1 and isinstance(v, memoryview)]


def one_byte_strings(values: memoryview) -> UInt8[np.ndarray, " n"]:
    """Decode a `BytesList` to its concatenated bytes.

    It is fast if each string is one byte, as in multi_object_datasets: then every third byte is
    one of them.
    """
    data = np.frombuffer(values, np.uint8)
    if len(data) % 3 == 0 and _all_of_one_byte(data):
        return data[2::3]
    return np.frombuffer(b"".join(strings(values)), np.uint8)


def floats(values: memoryview) -> Shaped[np.ndarray, " n"]:
    """Decode a `FloatList`, packed or not."""
    parts = [bytes(v) for n, v in fields(values) if n == 1 and isinstance(v, memoryview)]
    joined = b"".join(parts)
    if len(joined) % 4:
        raise ValueError("its bytes are no list of floats.")
    return np.frombuffer(joined, "<f4")


def _all_of_one_byte(data: UInt8[np.ndarray, " n"]) -> bool:
    whole = len(data) // _EXPECTED.nbytes * _EXPECTED.nbytes
    words = data[:whole].view(np.uint64).reshape(-1, len(_EXPECTED))
    rest = data[whole:].reshape(-1, 3)
    return bool(
        ((words & _FIXED) == _EXPECTED).all() and (rest[:, :2] == np.array([10, 1], np.uint8)).all()
    )


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("its bytes are no protocol buffer (they end within a number).")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("its bytes are no protocol buffer (a number of more than ten bytes).")
