"""PIZ, the wavelet compression of OpenEXR: 16-bit numbers by a table, a Haar transform and Huffman's code.

All positions of the bits are decoded at once, whether a code begins there or not; then only the way from code to code
is a loop.

Source: the OpenEXR reference implementation, ImfPizCompressor.cpp, ImfHuf.cpp and ImfWav.cpp.
"""

import numpy as np

LONGEST = 57  # bits of a code that a window of 64 holds wherever in a byte it begins
PREFIX = 16  # bits by which most codes are told
SHORT_RUN, LONG_RUN = 59, 63  # lengths that stand for runs of symbols without a code
BITMAP = 8192
MOST = 1 << 16  # the symbol of runs where all numbers are used


def decode_piz(data, rows, columns, words):
    """The channels of a block of ``rows`` by ``columns`` pixels, each (rows, columns, words) of uint16.

    ``words``: how many 16-bit numbers a pixel has in each channel, 1 for half precision and 2 for single.

    Raises:
        ValueError: damaged data.
    """
    first, last = np.frombuffer(data, "<u2", 2)
    bitmap, start = np.zeros(BITMAP, np.uint8), 4
    if first <= last:
        bitmap[first : last + 1] = np.frombuffer(data, np.uint8, int(last) - int(first) + 1, start)
        start += int(last) - int(first) + 1
    used = np.unpackbits(bitmap, bitorder="little")
    used[0] = 1
    values = np.flatnonzero(used).astype(np.uint16)
    numbers = _decode_huffman(data[start + 4 :], rows * columns * sum(words))
    channels, start = [], 0
    for count in words:
        size = rows * columns * count
        block = numbers[start : start + size].reshape(rows, columns, count).astype(np.int32)
        for k in range(count):
            _undo_wavelet(block[:, :, k], len(values) - 1 < 1 << 14)
        if block.max(initial=0) >= len(values):
            raise ValueError("a number that is not in the table")
        channels.append(values[block])
        start += size
    return channels


def _decode_huffman(data, count):
    """``count`` numbers of Huffman's code, the last symbol of which repeats the number before."""
    least, most, _, bits, _ = np.frombuffer(data, "<u4", 5).astype(int)
    if not least <= most <= MOST:
        raise ValueError("symbols that there are not")
    lengths, start = _code_lengths(data, least, most)
    starts, symbols, sizes = _codes(lengths)
    windows = _windows(data[start:], bits)
    index = _code_at(windows, starts, sizes)
    is_run = symbols[index] == most
    following = np.arange(len(windows)) + sizes[index] + 8 * is_run
    way, place, steps = [], 0, following.tolist()
    while place < bits:
        way.append(place)
        place = steps[place]
    at = np.array(way, int)
    found, runs = symbols[index[at]], is_run[at]
    repeats = np.ones(len(at), int)
    after = (windows[at[runs]] << sizes[index[at[runs]]].astype(np.uint64)) >> np.uint64(56)
    repeats[runs] = after.astype(int)
    last = np.maximum.accumulate(np.where(runs, -1, np.arange(len(at))))  # the code that a run repeats
    if len(at) == 0 or last[0] < 0 or repeats.sum() != count:
        raise ValueError("another number of numbers than pixels")
    return np.repeat(found[last], repeats)


def _code_lengths(data, least, most):
    """The lengths of the codes of symbols 0 to ``most``, and where in ``data`` they end."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8, offset=20)[: (most - least + 1) * 14 // 8 + 8])
    place, symbol, lengths = 0, least, np.zeros(most + 1, int)

    def take(n):
        nonlocal place
        place += n
        return int(bits[place - n : place] @ (1 << np.arange(n - 1, -1, -1)))

    while symbol <= most:
        length = take(6)
        if length >= SHORT_RUN:
            symbol += take(8) + 6 if length == LONG_RUN else length - SHORT_RUN + 2
        else:
            lengths[symbol] = length
            symbol += 1
    return lengths, 20 + (place + 7) // 8


def _codes(lengths):
    """Of every code in rising order: where it begins among windows of 64 bits, its symbol, its length."""
    symbols = np.flatnonzero(lengths)
    if len(symbols) == 0 or lengths.max() > LONGEST:
        raise ValueError("codes of no length, or too long")
    counts, code = np.bincount(lengths, minlength=60), 0
    firsts = np.zeros(60, object)
    for length in range(58, 0, -1):
        firsts[length] = code
        code = (code + int(counts[length])) >> 1
    starts, nexts = [], firsts.copy()
    for symbol in symbols:
        length = lengths[symbol]
        starts.append((int(nexts[length]) << (64 - int(length))) & (2**64 - 1))
        nexts[length] += 1
    starts = np.array(starts, np.uint64)
    order = np.argsort(starts, kind="stable")
    return starts[order], symbols[order], lengths[symbols[order]]


def _windows(data, bits):
    """The 64 bits (57 of them sure) that follow each of the first ``bits``."""
    if not 0 < bits <= 8 * len(data):
        raise ValueError("bits that are missing")
    padded = np.frombuffer(data[: (bits + 7) // 8] + bytes(8), np.uint8).astype(np.uint64)
    count = (bits + 7) // 8
    words = np.zeros(count, np.uint64)
    for k in range(8):
        words = (words << np.uint64(8)) | padded[k : k + count]
    return (words[:, None] << np.arange(8, dtype=np.uint64)).reshape(-1)[:bits]


def _code_at(windows, starts, sizes):
    """The index of the code that each window begins with."""
    prefixes = np.arange(1 << PREFIX, dtype=np.uint64) << np.uint64(64 - PREFIX)
    by_prefix = np.maximum(np.searchsorted(starts, prefixes, "right") - 1, 0)
    index = by_prefix[windows >> np.uint64(64 - PREFIX)]
    long = (sizes[index] > PREFIX) | (windows < starts[index])
    index[long] = np.maximum(np.searchsorted(starts, windows[long], "right") - 1, 0)
    return index


def _undo_wavelet(block, small):
    """The inverse Haar transform of a channel (rows, columns), in place; ``small``: of numbers below 2^14."""
    decode = _undo_small if small else _undo_large
    rows, columns = block.shape
    step = 1 << (min(rows, columns).bit_length() - 1)
    while step > 1:
        half = step >> 1
        tall, wide = rows // step * step, columns // step * step
        y0, y1 = slice(0, tall, step), slice(half, tall, step)
        x0, x1 = slice(0, wide, step), slice(half, wide, step)
        top_left, bottom_left = decode(block[y0, x0], block[y1, x0])
        top_right, bottom_right = decode(block[y0, x1], block[y1, x1])
        block[y0, x0], block[y0, x1] = decode(top_left, top_right)
        block[y1, x0], block[y1, x1] = decode(bottom_left, bottom_right)
        if columns & half:
            block[y0, wide], block[y1, wide] = decode(block[y0, wide], block[y1, wide])
        if rows & half:
            block[tall, x0], block[tall, x1] = decode(block[tall, x0], block[tall, x1])
        step = half


def _undo_small(low, high):
    low, high = low.astype(np.int16).astype(np.int32), high.astype(np.int16).astype(np.int32)
    first = low + (high & 1) + (high >> 1)
    return first & 0xFFFF, (first - high) & 0xFFFF


def _undo_large(low, high):
    second = (low - (high >> 1)) & 0xFFFF
    return (high + second - 0x8000) & 0xFFFF, second
