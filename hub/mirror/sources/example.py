"""`tf.train.Example`: named lists of byte strings, floats or integers."""

from collections.abc import Mapping

from . import wire

Features = Mapping[str, memoryview]


def parse_example(payload: bytes) -> Features:
    """Return the lists by name, still encoded: `BytesList`, `FloatList` or `Int64List`."""
    found = {}
    for number, entry in wire.fields(wire.submessage(memoryview(payload), 1)):
        if number == 1 and isinstance(entry, memoryview):
            name = bytes(wire.submessage(entry, 1)).decode("utf-8", "replace")
            lists = wire.fields(wire.submessage(entry, 2))
            found[name] = next((v for _, v in lists if isinstance(v, memoryview)), memoryview(b""))
    return found
