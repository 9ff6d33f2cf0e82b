"""What `meshgen explain` shows as wrong is wrong: compiled, the first example of a page gives the page's code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from meshgen.diagnostics.catalogue import CODES
from meshgen.intent.kinds import KINDS
from meshgen.istio.kinds import KINDS as NATIVES
from meshgen.load.load import Options
from meshgen.load.project import Project
from meshgen.pipeline import Result, compile_clusters, envoy_snapshots

Json: TypeAlias = Any

NEIGHBOURS = """
{apiVersion: meshgen/v1, kind: Service, metadata: {name: catalog, namespace: shop},
 spec: {ports: [80], versions: [v1, v2, v3], workload: {selector: {app: catalog}, serviceAccount: catalog}, routes: [{to: v1}]}}
---
{apiVersion: meshgen/v1, kind: Service, metadata: {name: forum, namespace: shop},
 spec: {ports: [80], versions: [v1, v2], workload: {selector: {app: forum}, serviceAccount: forum}}}
---
{apiVersion: meshgen/v1, kind: Service, metadata: {name: webapp, namespace: shop},
 spec: {ports: [80], workload: {selector: {app: webapp}, serviceAccount: webapp}}}
---
{apiVersion: meshgen/v1, kind: Service, metadata: {name: ratelimit, namespace: shop}, spec: {ports: [{name: grpc, port: 8081}]}}
---
{apiVersion: meshgen/v1, kind: Gateway, metadata: {name: storefront, namespace: shop},
 spec: {workload: {selector: {istio: ingressgateway}}, listeners: [{port: 80, hosts: ["*"]}]}}
---
{apiVersion: meshgen/v1, kind: Mesh, metadata: {name: mesh},
 spec: {providers: {zipkin: {zipkin: {service: zipkin.observe.svc.cluster.local, port: 9411}}}, access: deny}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: catalog, namespace: shop},
 spec: {template: {metadata: {labels: {app: catalog, version: v1}}, spec: {serviceAccountName: catalog}}}}
---
{apiVersion: meshgen/v1, kind: Gateway, metadata: {name: edge, namespace: shop},
 spec: {workload: {selector: {istio: edge}}, listeners: [{port: 80, hosts: ["*"]}]}}
"""
"""The shop in which examples stand, where they do not stand alone."""

CORE = {"Deployment": "apps/v1", "Namespace": "v1", "Pod": "v1", "Secret": "v1", "ServiceAccount": "v1"}
NATIVE_FIELDS = {"servers", "workloadSelector", "ingress", "egress", "selector", "clusterIP", "http"}

# fmt: off
UNPROVEN = {
    "MG0003", "MG0004", "MG0009", "MG0010", "MG0020", "MG0021", "MG0022", "MG0024", "MG0025", "MG0026", "MG0027", "MG0030",
    "MG0031", "MG0032", "MG0033", "MG0034", "MG0035", "MG0036", "MG0037", "MG0038", "MG0043", "MG0044", "MG0055", "MG0056",
    "MG0060", "MG0061", "MG0062", "MG0063", "MG0073", "MG0074", "MG0080", "MG0081", "MG0082", "MG0083", "MG0084",
    "MG0103", "MG0105", "MG0108", "MG0109", "MG0112", "MG0113", "MG0114", "MG0115", "MG0118", "MG0122", "MG0123", "MG0128",
    "MG0130", "MG0141", "MG0142", "MG0143", "MG0144", "MG0145", "MG0146", "MG0148", "MG0157", "MG0159", "MG0167", "MG0168",
    "MG0172", "MG0174", "MG0175", "MG0190", "MG0191", "MG0301", "MG0302", "MG0303", "MG0304", "MG0305", "MG0402", "MG0403",
    "MG0406", "MG0407", "MG0501", "MG0502", "MG0503", "MG0504", "MG0510", "MG0601", "MG0602", "MG0603", "MG0604", "MG0605",
    "MG0606", "MG0710", "MG0711", "MG0712", "MG0713", "MG0801", "MG0802", "MG0803", "MG0804", "MG0805", "MG0806", "MG0807",
    "MG0808", "MG0809", "MG0810", "MG0820", "MG0850", "MG0851", "MG0852", "MG0853", "MG0854", "MG0855", "MG0856", "MG0901",
    "MG0902", "MG0903", "MG0904", "MG0905", "MG0907", "MG0911", "MG0912", "MG0913", "MG0914", "MG0915", "MG0916", "MG0917",
    "MG0918", "MG0919", "MG0930",
    "MG0940", "MG0941", "MG0942", "MG0943", "MG0944", "MG0945", "MG0946", "MG0947", "MG0948", "MG0949",
    "MG0950", "MG0951", "MG1012",
}
# fmt: on
"""Pages whose example is a stretch of a document, a command, or needs more than stands there. The list only shrinks."""


def example(code: str) -> str:
    """A page's first YAML."""
    found = re.search(r"```yaml\n(.*?)```", CODES[code].page, re.DOTALL)
    return found[1] if found else ""


def completed(text: str) -> list[Json]:
    """The documents of an example, with what goes without saying on a page."""
    return [_complete(each, number) for number, each in enumerate(yaml.safe_load_all(text))]


def _complete(document: Json, number: int) -> Json:
    kind = document.get("kind")
    native = kind not in KINDS or bool(NATIVE_FIELDS & set(document.get("spec") or {}))
    if native and kind in NATIVES:
        version = f"{NATIVES[kind].group}/{NATIVES[kind].versions[0]}"
    else:
        version = CORE.get(kind, "v1") if native else "meshgen/v1"
    metadata = {"name": "mesh"} if kind == "Mesh" else {"name": f"example-{number}", "namespace": "shop"}
    return {"apiVersion": version, **document, "metadata": {**metadata, **(document.get("metadata") or {})}}


def compiled(documents: list[Json]) -> tuple[Result, ...]:
    text = yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False).encode()
    return read(text)


def read(text: bytes) -> tuple[Result, ...]:
    return compile_clusters(Path("/nonexistent"), Options(stdin=text, project=Project(sources=[])))


def given(documents: list[Json]) -> Iterator[str]:
    """The codes that the documents give, by themselves and in the shop."""
    names = {(each["kind"], each["metadata"].get("name")) for each in documents}
    others = [each for each in yaml.safe_load_all(NEIGHBOURS) if (each["kind"], each["metadata"]["name"]) not in names]
    for shop in (documents, [*documents, *others]):
        for result in compiled(shop):
            yield from (each.code.number for each in result.diagnostics)
            if not result.failed:
                yield from (each.code.number for each in envoy_snapshots(result.mesh, result.proxies)[1])


def proven(code: str) -> bool:
    text = example(code)
    if any(each.code.number == code for result in read(text.encode()) for each in result.diagnostics):
        return True
    try:
        documents = completed(text)
    except (yaml.YAMLError, AttributeError):  # a stretch of a document
        return False
    return all("kind" in each for each in documents) and code in given(documents)


@pytest.mark.parametrize("code", [code for code in CODES if code not in UNPROVEN])
def test_the_example_of_a_page_gives_its_code(code: str) -> None:
    assert proven(code), CODES[code].page  # show on it what gives the code: whole documents, as a reader would paste them


def test_the_list_of_pages_without_such_an_example_only_shrinks() -> None:
    assert [code for code in sorted(UNPROVEN) if proven(code)] == []
