"""Hashes of text that are the same on every machine and in every framework that Keras runs on."""

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(data, place, size=8):
    return int.from_bytes(data[place : place + size], "little")


def _turn(value, shift):
    """64 bits turned to the right."""
    value &= _MASK
    return (value >> shift | value << (64 - shift)) & _MASK


def _mix(value):
    value &= _MASK
    return value ^ value >> 47


def _fold(u, v, mul):
    a = _mix((u ^ v) * mul)
    b = _mix(((v & _MASK) ^ a) * mul)
    return b * mul & _MASK


def farm_hash(data):
    """The 64-bit fingerprint of bytes (FarmHash; Pike and Alakuijala, 2014).

    >>> farm_hash(b"A") % 3, farm_hash(b"B") % 3
    (1, 0)
    """
    size = len(data)
    if size <= 16:
        return _farm_short(data, size)
    if size <= 32:
        mul = _K2 + size * 2
        a, b = _word(data, 0) * _K1, _word(data, 8)
        c, d = _word(data, size - 8) * mul, _word(data, size - 16) * _K2
        return _fold((_turn(a + b, 43) + _turn(c, 30) + d) & _MASK, (a + _turn(b + _K2, 18) + c) & _MASK, mul)
    return _farm_middle(data, size) if size <= 64 else _farm_long(data, size)


def _farm_short(data, size):
    mul = _K2 + size * 2
    if size >= 8:
        a, b = _word(data, 0) + _K2, _word(data, size - 8)
        return _fold((_turn(b, 37) * mul + a) & _MASK, (_turn(a, 25) + b) * mul & _MASK, mul)
    if size >= 4:
        return _fold(size + (_word(data, 0, 4) << 3), _word(data, size - 4, 4), mul)
    if size:
        y, z = data[0] + (data[size >> 1] << 8), size + (data[-1] << 2)
        return _mix(y * _K2 & _MASK ^ z * _K0 & _MASK) * _K2 & _MASK
    return _K2


def _farm_middle(data, size):
    mul = _K2 + size * 2
    a, b = _word(data, 0) * _K2, _word(data, 8)
    c, d = _word(data, size - 8) * mul, _word(data, size - 16) * _K2
    y = (_turn(a + b, 43) + _turn(c, 30) + d) & _MASK
    z = _fold(y, (a + _turn(b + _K2, 18) + c) & _MASK, mul)
    e, f = _word(data, 16) * mul, _word(data, 24)
    g, h = (y + _word(data, size - 32)) * mul, (z + _word(data, size - 24)) * mul
    return _fold((_turn(e + f, 43) + _turn(g, 30) + h) & _MASK, (e + _turn(f + a, 18) + g) & _MASK, mul)


def _weak(data, place, a, b):
    """Two words out of 32 bytes and two seeds."""
    w, x, y, z = (_word(data, place + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _MASK, (b + _turn(a, 44) + c) & _MASK


def _farm_long(data, size):
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = _mix(y * _K2 + 113) * _K2 & _MASK
    v = w = (0, 0)
    x = (x * _K2 + _word(data, 0)) & _MASK
    end = (size - 1) // 64 * 64

    def step(at, mul, nines):
        nonlocal x, y, z, v, w
        x = _turn(x + y + v[0] + _word(data, at + 8), 37) * mul & _MASK
        y = _turn(y + v[1] + _word(data, at + 48), 42) * mul & _MASK
        x ^= w[1] * nines & _MASK
        y = (y + v[0] * nines + _word(data, at + 40)) & _MASK
        z = _turn(z + w[0], 33) * mul & _MASK
        v = _weak(data, at, v[1] * mul & _MASK, x + w[0])
        w = _weak(data, at + 32, z + w[1], y + _word(data, at + 16))
        x, z = z, x

    for at in range(0, end, 64):
        step(at, _K1, 1)
    mul = _K1 + ((z & 0xFF) << 1)
    first = w[0] + ((size - 1) & 63)
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    step(size - 64, mul, 9)
    low = _fold(v[0] & _MASK, w[0] & _MASK, mul) + _mix(y) * _K0 + z
    return _fold(low & _MASK, (_fold(v[1], w[1], mul) + x) & _MASK, mul)


def sip_hash(data, key):
    """The 64-bit SipHash-2-4 of bytes under a key of two integers (Aumasson and Bernstein, 2012)."""
    k0, k1 = key[0] & _MASK, key[1] & _MASK
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        a, b, c, d = v
        for _ in range(count):
            a, c = (a + b) & _MASK, (c + d) & _MASK
            b, d = _turn(b, 51) ^ a, _turn(d, 48) ^ c
            a, c = (_turn(a, 32) + d) & _MASK, (c + b) & _MASK
            d, b = _turn(d, 43) ^ a, _turn(b, 47) ^ c
            c = _turn(c, 32)
        v[:] = a, b, c, d

    whole = len(data) // 8 * 8
    last = _word(data, whole) | (len(data) & 0xFF) << 56
    for word in [_word(data, i) for i in range(0, whole, 8)] + [last]:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def joined_hash(one, other):
    """One 64-bit fingerprint out of two, the order counting (a step of MurmurHash64A; Appleby, 2008)."""
    mul = 0xC6A4A7935BD1E995
    result = (one ^ mul) & _MASK
    result ^= _mix(other * mul) * mul & _MASK
    result = result * mul & _MASK
    return _mix(_mix(result) * mul)
