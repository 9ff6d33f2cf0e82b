"""A WebAssembly module for Envoy, byte by byte, so that no compiler is needed: it adds one header to each request.

In WebAssembly's text form:

    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 3)
    (data (i32.const 1024) "<name><value>")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 131072)
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      i32.const 0 i32.const 1024 i32.const <length> i32.const <1024 + length> i32.const <length> call $add drop i32.const 0)
"""

from __future__ import annotations

_I32, _FUNCTION, _MEMORY = b"\x7f", b"\x00", b"\x02"
_AT = 1024


def adds_header(name: str, value: str) -> bytes:
    """The module, whose filter adds this request header."""
    types = (_type(5, 1), _type(0, 0), _type(1, 1), _type(3, 1))
    imported = _text("env") + _text("proxy_add_header_map_value") + _FUNCTION + _number(0)
    exports = (
        _text("memory") + _MEMORY + _number(0),
        _text("proxy_abi_version_0_2_1") + _FUNCTION + _number(1),
        _text("malloc") + _FUNCTION + _number(2),
        _text("proxy_on_request_headers") + _FUNCTION + _number(3),
    )
    arguments = (0, _AT, len(name), _AT + len(name), len(value))  # map 0 is that of the request's headers
    add = b"".join(map(_constant, arguments)) + b"\x10\x00" + b"\x1a" + _constant(0)  # call, drop
    bodies = (_body(b""), _body(_constant(131_072)), _body(add))
    data = b"\x00" + _constant(_AT) + b"\x0b" + _text(name + value)
    return b"\x00asm\x01\x00\x00\x00" + b"".join((
        _section(1, types),
        _section(2, (imported,)),
        _section(3, (_number(1), _number(2), _number(3))),
        _section(5, (b"\x00" + _number(3),)),
        _section(7, exports),
        _section(10, bodies),
        _section(11, (data,)),
    ))


def _number(value: int) -> bytes:
    """LEB128, for numbers that are not negative."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def _constant(value: int) -> bytes:
    """`i32.const`, whose number is signed: its last byte must not have the sign's bit."""
    found = bytearray()
    while value > 0x3F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return b"\x41" + bytes((*found, value))


def _text(value: str) -> bytes:
    return _number(len(value)) + value.encode()


def _type(parameters: int, results: int) -> bytes:
    return b"\x60" + _number(parameters) + _I32 * parameters + _number(results) + _I32 * results


def _body(code: bytes) -> bytes:
    whole = _number(0) + code + b"\x0b"  # no locals
    return _number(len(whole)) + whole


def _section(kind: int, items: tuple[bytes, ...]) -> bytes:
    content = _number(len(items)) + b"".join(items)
    return bytes((kind,)) + _number(len(content)) + content
