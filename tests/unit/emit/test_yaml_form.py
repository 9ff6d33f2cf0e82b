"""The form of the YAML that people see; that it is read back is a property (tests/property/test_yaml_writer.py)."""

from __future__ import annotations

from enum import StrEnum
from textwrap import dedent

import pytest

from meshgen.emit.istio import yaml_writer
from meshgen.emit.istio.yaml_writer import dump, dump_documents


def test_an_object_reads_as_kubectl_would_print_it_in_the_order_given():
    virtual_service = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "catalog", "namespace": "shop", "labels": {}},
        "spec": {
            "hosts": ["catalog.shop.svc.cluster.local", "*.example.com"],
            "http": [
                {
                    "match": [{"headers": {"x-cohort": {"exact": "internal"}}, "uri": {"prefix": "/items"}}],
                    "route": [{"destination": {"host": "catalog", "subset": "v2", "port": {"number": 80}}, "weight": 10}],
                    "timeout": "2s",
                    "retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,connect-failure"},
                    "fault": {"abort": {"httpStatus": 503, "percentage": {"value": 0.1}}},
                },
                {"route": [], "name": "on"},
            ],
        },
    }
    assert dump(virtual_service) == dedent("""\
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata:
          name: catalog
          namespace: shop
          labels: {}
        spec:
          hosts:
          - catalog.shop.svc.cluster.local
          - "*.example.com"
          http:
          - match:
            - headers:
                x-cohort:
                  exact: internal
              uri:
                prefix: /items
            route:
            - destination:
                host: catalog
                subset: v2
                port:
                  number: 80
              weight: 10
            timeout: 2s
            retries:
              attempts: 3
              perTryTimeout: 500ms
              retryOn: "5xx,connect-failure"
            fault:
              abort:
                httpStatus: 503
                percentage:
                  value: 0.1
          - route: []
            name: "on"
        """)


def test_text_of_several_lines_is_a_block_with_the_chomping_that_keeps_its_end():
    assert dump({"a": "x\n\n  y\n", "b": ["x\ny"], "c": "x\n\n"}) == ("a: |\n  x\n\n    y\nb:\n- |-\n  x\n  y\nc: |+\n  x\n\n")


@pytest.mark.parametrize("text", [" x\ny", "\nx", "x \ny", "x\n \ny", "x\r\ny", "x\n\x00", "x\n\u2028", "x\n\ufeff"])
def test_text_that_a_block_could_lose_a_part_of_is_quoted(text: str):
    assert dump(text).startswith('"')
    assert dump(text).count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "catalog",
        "/api/v1",
        "a.b:80",
        "spiffe://cluster.local/ns/shop/sa/webapp",
        "GET /items",
        "2s",
        "1m30s",
        "x-b3",
        "outbound|80||a.b",
    ],
)
def test_a_string_that_no_reader_mistakes_stands_plain(text: str):
    assert dump(text) == f"{text}\n"


@pytest.mark.parametrize("text", ["80", "1.20", "yes", "Off", "NULL", "y", "*", "10.0.0.1", "a: b", "a #b", "-1s", "", "é"])
def test_a_string_that_some_reader_mistakes_is_quoted(text: str):
    assert dump(text) == f'"{text}"\n'


def test_line_separators_and_marks_are_escaped():
    assert dump("\x85\xa0\u2028\u2029\ufeff\x7f") == '"\\u0085\\u00a0\\u2028\\u2029\\ufeff\\u007f"\n'


def test_floats_have_a_point_and_a_signed_exponent():
    assert [dump(x) for x in (1e16, 1e-7, 1.5e300, 100.0, -0.0)] == [
        "1.0e+16\n",
        "1.0e-07\n",
        "1.5e+300\n",
        "100.0\n",
        "-0.0\n",
    ]


def test_a_key_too_long_to_be_implicit_takes_the_explicit_form():
    assert dump({"a": {"k" * 1001: [1]}}) == f"a:\n  ? {'k' * 1001}\n  :\n  - 1\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"a": "b\udfff"}, {"\ud800": 1}, "a\n\ud800"])
def test_what_neither_json_nor_utf_8_can_hold_is_a_value_error(value: object):
    with pytest.raises(ValueError, match=r"JSON has no|surrogate"):
        dump(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{1: "a"}, {None: 1}, {"a": (1,)}, {"a": b""}, object()])
def test_what_json_does_not_know_is_a_type_error(value: object):
    with pytest.raises(TypeError, match="JSON has no"):
        dump(value)  # type: ignore[arg-type]


def test_subclasses_of_strings_and_numbers_are_written_as_their_values():
    class Mode(StrEnum):
        STRICT = "STRICT"

    assert (
        dump({"mode": Mode.STRICT, "list": [Mode.STRICT], Mode.STRICT: True}) == "mode: STRICT\nlist:\n- STRICT\nSTRICT: true\n"
    )


def test_documents_are_separated_and_none_are_nothing():
    assert dump_documents([{"a": 1}, {}, "é"]) == 'a: 1\n---\n{}\n---\n"é"\n'.encode()
    assert dump_documents([]) == b""


def test_a_full_memo_forgets_and_writes_the_same(monkeypatch: pytest.MonkeyPatch):
    values = [{f"k{i}": f"v{i}", "on": "off"} for i in range(50)]
    before = dump_documents(values)
    yaml_writer._STRINGS.clear()
    monkeypatch.setattr(yaml_writer, "_MEMO_LIMIT", 3)
    assert dump_documents(values) == before
    assert len(yaml_writer._STRINGS) <= 3
