"""What an object file asks for from outside, in the three formats that systems have."""

from __future__ import annotations

import struct


def undefined(content: bytes) -> set[str]:
    """Return the names of symbols that an object file uses and does not define."""
    if content[:4] == b"\x7fELF":
        return _of_elf(content)
    if content[:4] == b"\xcf\xfa\xed\xfe":
        return _of_macho(content)
    return _of_coff(content)


def _text(content: bytes, start: int) -> str:
    return content[start : content.index(b"\0", start)].decode()


def _of_elf(content: bytes) -> set[str]:
    """Linux. Symbols of 24 bytes: place of the name, ..., number of the section."""
    [sections] = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    heads = [struct.unpack_from("<IIQQQQIIQQ", content, sections + size * at) for at in range(count)]
    names = set()
    for head in heads:
        if head[1] == 2:  # the table of symbols
            strings = heads[head[6]][4]
            for symbol in range(head[4], head[4] + head[5], 24):
                name, _, _, section = struct.unpack_from("<IBBH", content, symbol)
                if section == 0 and name:
                    names.add(_text(content, strings + name))
    return names


def _of_macho(content: bytes) -> set[str]:
    """macOS. Symbols of 16 bytes: place of the name, sort, number of the section, ..."""
    [commands] = struct.unpack_from("<I", content, 16)
    place, names = 32, set()
    for _ in range(commands):
        command, length = struct.unpack_from("<II", content, place)
        if command == 2:  # the table of symbols
            symbols, count, strings = struct.unpack_from("<III", content, place + 8)
            for symbol in range(symbols, symbols + 16 * count, 16):
                name, sort = struct.unpack_from("<IB", content, symbol)
                if sort & 0x0E == 0:  # in no section
                    names.add(_text(content, strings + name))
        place += length
    return names


def _of_coff(content: bytes) -> set[str]:
    """Windows. Symbols of 18 bytes: name or its place, value, number of the section, ..., more such rows."""
    table, count = struct.unpack_from("<II", content, 8)
    at, names = 0, set()
    while at < count:
        name, _, section, _, sort, more = struct.unpack_from("<8sIhHBB", content, table + 18 * at)
        if section == 0 and sort == 2:
            long = name[:4] == b"\0\0\0\0"
            start = table + 18 * count + struct.unpack("<I", name[4:])[0]
            names.add(_text(content, start) if long else name.rstrip(b"\0").decode())
        at += 1 + more
    return names
