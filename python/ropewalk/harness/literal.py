# SPDX-License-Identifier: MIT
"""Values as they are written in cases and traces.

One value has one spelling in a trace: floats always show that they are floats, in the fewest digits that read back; the
entries of a map are sorted by their spelling.
"""

from __future__ import annotations

import math
import re

__all__ = ["LiteralError", "format_literal", "parse_literal"]

Value = object

_DEPTH = 50
_WORD = re.compile(r'[^ \t,\]}:"\[{]*')
_INTEGER = re.compile(r"-?[0-9]+")
_DOUBLE = re.compile(r"-?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?")
_ESCAPES = {"n": b"\n", "t": b"\t", '"': b'"', "\\": b"\\"}
_CONSTANTS: dict[str, Value] = {
    "nil": None,
    "true": True,
    "false": False,
    "inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
}


class LiteralError(ValueError):
    """A text that is not the literal of a value."""


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t":
        at += 1
    return at


def _parse_quoted(text: str, at: int, is_bytes: bool) -> tuple[Value, int]:
    data = bytearray()
    at += 1
    while at < len(text) and text[at] != '"':
        if text[at] != "\\":
            data += text[at].encode("utf-8", "surrogateescape")
            at += 1
            continue
        escape = text[at + 1 : at + 2]
        if escape in _ESCAPES:
            data += _ESCAPES[escape]
            at += 2
        elif escape == "x" and re.fullmatch("[0-9a-f]{2}", text[at + 2 : at + 4]):
            data.append(int(text[at + 2 : at + 4], 16))
            at += 4
        else:
            raise LiteralError("an unknown escape in a quoted text")
    if at >= len(text):
        raise LiteralError("a quoted text without its end")
    if is_bytes:
        return bytes(data), at + 1
    try:
        return data.decode("utf-8"), at + 1
    except UnicodeDecodeError:
        raise LiteralError("not valid UTF-8") from None


def _parse_word(text: str, at: int) -> tuple[Value, int]:
    match = _WORD.match(text, at)
    word = match.group() if match else ""
    at += len(word)
    if word in _CONSTANTS:
        return _CONSTANTS[word], at
    if _INTEGER.fullmatch(word):
        number = int(word)
        if not -(2**63) <= number < 2**63:
            raise LiteralError(f'"{word}" is not a number')
        return number, at
    if _DOUBLE.fullmatch(word):
        return float(word), at
    raise LiteralError(f'"{word[:40]}" is not a value')


def _parse_list(text: str, at: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return items, at + 1
    while True:
        item, at = _parse(text, at, depth + 1)
        items.append(item)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "]":
            return items, at + 1
        if mark != ",":
            raise LiteralError("a list without its end")
        at += 1


def _parse_map(text: str, at: int, depth: int) -> tuple[Value, int]:
    entries: dict[Value, Value] = {}
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return entries, at + 1
    while True:
        key, at = _parse(text, at, depth + 1)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise LiteralError("a map entry is written key: value")
        if key is None or isinstance(key, (list, dict)):
            raise LiteralError("not a key and a value that a map can hold")
        entries[key], at = _parse(text, at + 1, depth + 1)
        at = _skip(text, at)
        mark = text[at : at + 1]
        if mark == "}":
            return entries, at + 1
        if mark != ",":
            raise LiteralError("a map without its end")
        at += 1


def _parse(text: str, at: int, depth: int) -> tuple[Value, int]:
    if depth > _DEPTH:
        raise LiteralError("a value nested too deep")
    at = _skip(text, at)
    mark = text[at : at + 1]
    if mark == "":
        raise LiteralError("a value is missing")
    if mark == '"':
        return _parse_quoted(text, at, False)
    if mark == "b" and text[at + 1 : at + 2] == '"':
        return _parse_quoted(text, at + 1, True)
    if mark == "[":
        return _parse_list(text, at, depth)
    if mark == "{":
        return _parse_map(text, at, depth)
    return _parse_word(text, at)


def parse_literal(text: str, at: int = 0) -> tuple[Value, int]:
    """Read one literal of `text` from index `at`; gives the value and the index behind it. LiteralError otherwise."""
    return _parse(text, at, 0)


def _format_quoted(data: bytes, is_bytes: bool) -> str:
    out = bytearray()
    for byte in data:
        if byte in b'"\\':
            out += b"\\" + bytes([byte])
        elif byte == 10:
            out += b"\\n"
        elif byte == 9:
            out += b"\\t"
        elif byte < 0x20 or byte == 0x7F or (byte >= 0x80 and is_bytes):
            out += b"\\x%02x" % byte
        else:
            out.append(byte)
    return ("b" if is_bytes else "") + '"' + out.decode("utf-8", "surrogateescape") + '"'


def _format_float(number: float) -> str:
    if math.isnan(number):
        return "nan"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    text = next(
        text for precision in (15, 16, 17) if float(text := f"{number:.{precision}g}") == number or precision == 17
    )
    return text if "." in text or "e" in text else text + ".0"


def format_literal(value: Value) -> str:
    """The text of a value, as traces show it."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _format_float(value)
    if isinstance(value, str):
        return _format_quoted(value.encode("utf-8", "surrogateescape"), False)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _format_quoted(bytes(value), True)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(format_literal(item) for item in value) + "]"
    if isinstance(value, dict):
        entries = (f"{format_literal(key)}: {format_literal(item)}" for key, item in value.items())
        return "{" + ", ".join(sorted(entries)) + "}"
    return "<handle>"
