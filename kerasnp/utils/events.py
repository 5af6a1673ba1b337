"""Event files that TensorBoard reads: protocol buffers in TFRecords, written by hand.

A record is its length, a checksum of the length, the bytes, and a checksum of the bytes (CRC-32C, masked). The bytes
are a message `Event` of tensorflow/core/util/event.proto; only what callbacks write is here.
"""

import itertools
import os
import struct
import time
import zlib

_counter = itertools.count()


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def crc32c(data):
    """The Castagnoli checksum.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    """`data` as one TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def read_records(path):
    """The contents of the records of a file; raises ValueError where a checksum does not fit."""
    with open(path, "rb") as file:
        while head := file.read(12):
            (length,) = struct.unpack("<Q", head[:8])
            data = file.read(length)
            if head[8:] != _masked(head[:8]) or file.read(4) != _masked(data):
                raise ValueError(f"{path} is damaged: the checksum of a record does not fit.")
            yield data


# -- protocol buffers: a message is a sequence of (field number, wire type, value) ------------------------------------


def _varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(field, value):
    return _varint(field << 3) + _varint(value)


def _double(field, value):
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _float(field, value):
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def scalar(tag, value):
    """A number."""
    try:
        return _bytes(1, _bytes(1, tag) + _float(2, value))
    except OverflowError:  # beyond float32
        return scalar(tag, float("inf") if value > 0 else float("-inf"))


def histogram(tag, low, high, total, squares, limits, counts):
    """Counts of numbers in buckets, of which `limits` are the upper ends; `total` and `squares` are the sums."""
    doubles = [_double(i + 1, v) for i, v in enumerate((low, high, sum(counts), total, squares))]
    packed = [_bytes(6 + i, struct.pack(f"<{len(v)}d", *v)) for i, v in enumerate((limits, counts))]
    return _bytes(1, _bytes(1, tag) + _bytes(5, b"".join(doubles + packed)))


def image(tag, pixels, width):
    """Grey pixels, a byte each, row by row, as a PNG."""
    height = len(pixels) // width
    rows = b"".join(b"\0" + pixels[i * width : (i + 1) * width] for i in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    size = _integer(1, height) + _integer(2, width) + _integer(3, 1)
    return _bytes(1, _bytes(1, tag) + _bytes(4, size + _bytes(4, png)))


def text(tag, content, plugin="text", plugin_content=b""):
    """Text (Markdown) for the plugin of that name."""
    metadata = _bytes(1, _bytes(1, plugin) + _bytes(2, plugin_content))
    tensor = _integer(1, 7) + _bytes(2, b"") + _bytes(8, content)  # a scalar of type DT_STRING
    return _bytes(1, _bytes(1, tag) + _bytes(8, tensor) + _bytes(9, metadata))


class EventFile:
    """A new event file in a folder.

    >>> import tempfile
    >>> file = EventFile(tempfile.mkdtemp())
    >>> file.write(0, scalar("loss", 0.5))
    >>> file.close()
    >>> len(list(read_records(file.path)))
    2

    Args:
        folder: where to; made if it is not there.
    """

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        import socket  # here, for the sake of those who only import

        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_counter)}.v2"
        self.path = os.path.join(folder, name)
        self._file = open(self.path, "xb")
        self._flushed = time.monotonic()
        self._file.write(record(_double(1, time.time()) + _bytes(3, "brain.Event:2")))
        self._file.flush()

    def write(self, step, *values):
        """One event with the values made by `scalar`, `histogram`, `image` and `text`."""
        self._file.write(record(_double(1, time.time()) + _integer(2, step) + _bytes(5, b"".join(values))))
        if time.monotonic() - self._flushed > 2.0:
            self.flush()

    def flush(self):
        """Let readers see what was written."""
        self._file.flush()
        self._flushed = time.monotonic()

    def close(self):
        """Flush and close."""
        self._file.close()
