"""Reading HDF5: large groups and attribute lists of files written with `libver="latest"`.

Their members lie in a fractal heap, a linear space cut into blocks of doubling size, and are found through a B-tree of
heap IDs. Keras itself does not write these; `h5repack` and others do.
"""

import struct

from kerasnp.saving.hdf5_data import unpack


def dense_messages(file, heap_address, tree_address, kind):
    """The link (`kind` 5) or attribute (8) messages that a B-tree of heap IDs lists."""
    heap = Heap(file, heap_address)
    return [heap.read(record[4:] if kind == 5 else record[:8]) for record in records(file, tree_address, kind)]


def bytes_for(limit):
    """How many bytes encode the numbers up to `limit`."""
    return (limit.bit_length() - 1) // 8 + 1 if limit > 0 else 1


class Heap:
    """A fractal heap, read only."""

    def __init__(self, file, address):
        self.file = file
        head = file.bytes(address, 146)
        if head[:4] != b"FRHP" or unpack("<H", head, 7):
            raise ValueError("the store of its members is damaged or compressed.")
        largest = unpack("<I", head, 10)
        self.width, self.start, self.max_direct, max_bits, _, self.root, self.rows = struct.unpack_from(
            "<HQQHHQH", head, 110
        )
        if not self.width or not self.start or self.max_direct < self.start or max_bits > 64:
            raise ValueError("the store of its members is damaged.")
        self.offset_bytes = (max_bits + 7) // 8
        self.length_bytes = min((self.max_direct.bit_length() + 6) // 8, bytes_for(largest))
        self.direct_rows = self.max_direct.bit_length() - self.start.bit_length() + 2

    def read(self, heap_id):
        """The bytes that a heap ID stands for."""
        kind = heap_id[0] >> 4 & 3
        if kind == 2:
            return heap_id[1 : 2 + (heap_id[0] & 15)]
        if kind:
            raise ValueError("a member of more than 64 KB is stored in a way that is not supported.")
        end = 1 + self.offset_bytes
        offset = int.from_bytes(heap_id[1:end], "little")
        length = int.from_bytes(heap_id[end : end + self.length_bytes], "little")
        block, base = (self.root, 0) if self.rows == 0 else self.find(offset, self.root, self.rows, 0)
        return self.file.bytes(block + offset - base, length)

    def row_size(self, row):
        return self.start << max(row - 1, 0)

    def find(self, offset, address, rows, base):
        """(address, heap offset) of the direct block that holds `offset`, below an indirect block."""
        entries = self.file.bytes(address + 13 + self.offset_bytes, 8 * rows * self.width)
        begin = base
        for row in range(rows):
            size = self.row_size(row)
            if offset < begin + size * self.width:
                column = (offset - begin) // size
                child = unpack("<Q", entries, 8 * (row * self.width + column))
                begin += column * size
                if row < self.direct_rows:
                    return child, begin
                inner = size.bit_length() - (self.start * self.width).bit_length() + 1
                return self.find(offset, child, inner, begin)
            begin += size * self.width
        raise ValueError("a member lies outside the store.")


def records(file, address, kind):
    """Every record of a B-tree of version 2."""
    head = file.bytes(address, 38)
    if head[:4] != b"BTHD" or head[5] != kind:
        raise ValueError("the index of its members is damaged.")
    node_size, size, depth = struct.unpack_from("<IHH", head, 6)
    root, count = struct.unpack_from("<QH", head, 16)
    if not size or node_size < 64 or depth > 16:
        raise ValueError("the index of its members is damaged.")
    # Widths of the child pointers, level by level.
    most = total = (node_size - 10) // size
    count_bytes, total_bytes, pointers = bytes_for(most), 0, [0]
    for _ in range(depth):
        pointers.append(8 + count_bytes + total_bytes)
        most = (node_size - 10 - pointers[-1]) // (size + pointers[-1])
        total = (most + 1) * total + most
        total_bytes = bytes_for(total)

    def walk(at, n, level):
        body = file.bytes(at, 6 + n * size + (n + 1) * pointers[level])
        if body[:4] != (b"BTIN" if level else b"BTLF"):
            raise ValueError("the index of its members is damaged.")
        for i in range(n):
            yield body[6 + i * size : 6 + (i + 1) * size]
        for i in range(n + 1 if level else 0):
            begin = 6 + n * size + i * pointers[level]
            inner = int.from_bytes(body[begin + 8 : begin + 8 + count_bytes], "little")
            yield from walk(unpack("<Q", body, begin), inner, level - 1)

    return walk(root, count, depth) if count else ()
