"""Meshes from Hypothesis that hold together: services with versions and rules, callers, a door; as the text of one source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from meshgen.load.load import Options
from meshgen.load.project import Project
from meshgen.pipeline import Result, compile_project

PATHS = st.sampled_from(["/*", "/api/*", "/api", "/items*", {"regex": "/(a|b)[0-9]+/x?"}])
HEADERS = st.dictionaries(
    st.sampled_from(["x-a", "x-b"]), st.sampled_from(["1", "2*", {"regex": "on|off"}]), min_size=1, max_size=2
)
QUERY = st.dictionaries(st.sampled_from(["q", "page"]), st.sampled_from(["1", {"regex": "[a-z]+"}]), min_size=1, max_size=1)
MATCHES = st.fixed_dictionaries(
    {}, optional={"path": PATHS, "headers": HEADERS, "method": st.sampled_from(["GET", "POST"]), "queryParams": QUERY}
)
ACTIONS: dict[str, st.SearchStrategy[Any]] = {
    "timeout": st.sampled_from(["1s", "90s", "500ms"]),
    "retries": st.integers(0, 3) | st.just({"attempts": 2, "on": ["5xx", 503], "perTryTimeout": "200ms"}),
    "rewrite": st.sampled_from([{"path": "/new/"}, {"authority": "other.example.com"}]),
    "headers": st.sampled_from([
        {"request": {"set": {"x-team": "blue"}, "remove": ["x-a"]}},
        {"response": {"add": {"x-by": "us"}}},
    ]),
    "fault": st.sampled_from([{"abort": {"httpStatus": 418, "percent": 30}}, {"delay": {"fixedDelay": "2s", "percent": 50}}]),
    "mirror": st.sampled_from(["v2", {"to": "v2", "percent": 40}]),
    "match": MATCHES | st.lists(MATCHES, min_size=1, max_size=2),
}
RULES = st.lists(
    st.fixed_dictionaries({"to": st.sampled_from(["v1", "v2"])}, optional=ACTIONS)
    | st.fixed_dictionaries({"split": st.sampled_from([{"v1": 60, "v2": 40}, {"v1": 95, "v2": 5}])}, optional=ACTIONS)
    | st.fixed_dictionaries(
        {"directResponse": st.sampled_from([404, {"status": 503, "body": "later"}])}, optional={"match": MATCHES}
    )
    | st.fixed_dictionaries({"redirect": st.just({"path": "/moved", "code": 307})}, optional={"match": MATCHES}),
    min_size=2,
    max_size=4,
)
OPERATIONS = st.fixed_dictionaries(
    {"methods": st.sampled_from([["GET"], ["GET", "POST"]])},
    optional={
        "paths": st.sampled_from([["/items*"], ["/api/*", "*.png"], ["/new/*"]]),
        "notPaths": st.just(["/api/secret*"]),
    },
)
CALLERS = st.lists(
    st.sampled_from(["webapp", {"namespace": "other"}, {"anyone": True}, {"gateway": "door"}]), min_size=1, max_size=2
)
GRANTS = st.lists(st.fixed_dictionaries({}, optional={"from": CALLERS, "to": OPERATIONS}), min_size=1, max_size=2)


def _document(kind: str, name: str, spec: dict[str, Any], namespace: str = "shop") -> dict[str, Any]:
    return {"apiVersion": "meshgen/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def _service(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:  # noqa: ANN401 (a user's values)
    workload = {"selector": {"app": name}, "serviceAccount": name}
    return _document("Service", name, {"ports": [80], "workload": workload, **spec}, namespace)


@st.composite
def whole_meshes(draw: st.DrawFn) -> str:
    """The YAML of a mesh."""
    modes = st.sampled_from(["strict", "permissive"])
    mesh = draw(st.fixed_dictionaries({"mtls": modes}, optional={"outbound": st.just("registryOnly")}))
    documents = [
        _document("Mesh", "mesh", mesh, "istio-system"),
        _service("catalog", versions=["v1", "v2"], routes=draw(RULES)),
        _service("webapp"),
        _service("stranger", "other"),
        _document(
            "Gateway",
            "door",
            {
                "workload": {"selector": {"istio": "door"}, "namespace": "edge", "serviceAccount": "door"},
                "listeners": [{"port": 80, "hosts": ["shop.example.com"]}],
            },
        ),
        _document(
            "Route",
            "door",
            {
                "gateways": ["door"],
                "hosts": ["shop.example.com"],
                "rules": [{"match": {"path": "/shop/*"}, "rewrite": {"path": "/"}, "to": "catalog"}, {"to": "catalog"}],
            },
        ),
    ]
    for name, field in (("grants", "allow"), ("refusals", "deny")):
        if draw(st.booleans()):
            documents.append(_document("Access", name, {"service": "catalog", field: draw(GRANTS)}))
    return str(yaml.safe_dump_all(documents, sort_keys=False))


def compiled(text: str) -> Result:
    """A mesh of one source, compiled."""
    return compile_project(Path("/nonexistent"), Options(stdin=text.encode(), project=Project(sources=[])))
