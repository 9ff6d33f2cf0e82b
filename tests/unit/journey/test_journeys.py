"""Ways of requests through small meshes, as they are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meshgen.journey import Journey, Journeys, Question, UnanswerableError, source_line
from meshgen.journey.clusters import journeys_of
from meshgen.journey.mermaid import escaped, render_mermaid
from meshgen.journey.render import render_journey
from meshgen.journey.to_json import journey_to_json
from meshgen.load.load import Options
from meshgen.pipeline import Result, compile_clusters, compile_project

SHOP = """\
apiVersion: meshgen/v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec:
  ports: [80]
  versions: [v1, v2]
  workload: {selector: {app: catalog}, serviceAccount: catalog}
  routes: [{split: {v1: 80, v2: 20}, timeout: 2s}]
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: webapp, namespace: shop}
spec: {ports: [80], workload: {selector: {app: webapp}, serviceAccount: webapp}}
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: mail, namespace: elsewhere}
spec: {ports: [80], workload: {selector: {app: mail}, serviceAccount: mail}}
---
apiVersion: meshgen/v1
kind: Access
metadata: {name: readers, namespace: shop}
spec: {service: catalog, default: deny, allow: [{from: [{serviceAccount: webapp}], to: {methods: [GET]}}]}
---
apiVersion: meshgen/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  workload: {selector: {istio: ingressgateway}}
  listeners: [{port: 443, protocol: HTTPS, hosts: ["*.example.com"], tls: {mode: simple, credential: wild}}]
---
apiVersion: meshgen/v1
kind: Route
metadata: {name: door, namespace: shop}
spec: {hosts: [shop.example.com], gateways: [public], rules: [{to: {service: catalog}}]}
"""


def compiled(directory: Path, text: str) -> Result:
    (directory / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    (directory / "mesh").mkdir(exist_ok=True)
    (directory / "mesh" / "shop.yaml").write_text(text)
    result = compile_project(directory, Options())
    assert not result.failed, [each.message for each in result.diagnostics]
    return result


@pytest.fixture
def shop(tmp_path: Path) -> Result:
    return compiled(tmp_path, SHOP)


def follow(result: Result, **fields: Any) -> Journey:  # noqa: ANN401 - of a Question
    return Journeys(result.mesh, result.proxies).follow(Question(**fields))


def told(result: Result, **fields: Any) -> str:  # noqa: ANN401 - as above
    return render_journey(follow(result, **fields), locate=lambda source: source_line(result, source))


def test_the_answer_stands_in_the_first_line(shop: Result):
    first = told(shop, url="http://catalog/x", source="shop/webapp").splitlines()[0]
    assert first == "reaches the application of shop/catalog on port 80 (80% v1, 20% v2)"
    refused = told(shop, url="http://catalog/x", method="POST", source="shop/webapp").splitlines()[0]
    assert refused.startswith("denied 403 at shop/catalog: no ALLOW policy matches; nearest is AuthorizationPolicy shop/readers")
    assert refused.endswith("(mesh/shop.yaml:23): other operations: method `POST` is not `GET`")


def test_the_share_that_is_wanted_is_followed(shop: Result):
    assert follow(shop, url="http://catalog/", source="webapp").hops[0].decision.cluster.split("|")[2] == "v1"
    journey = follow(shop, url="http://catalog/", source="webapp", to="v2")
    assert journey.hops[0].decision.cluster.split("|")[2] == "v2"
    assert [hop.side for hop in journey.hops] == ["out of", "into"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "http://catalog/", "source": "webapp", "to": "v3"}, "no share goes to `v3`; it is split among v1, v2"),
        ({"url": "http://mail.elsewhere/", "source": "webapp", "to": "v3"}, "nothing on the way is split"),
        ({"url": "http://catalog/", "source": "shop/public"}, "`shop/public` is a gateway"),
        ({"url": "http://catalog/", "source": "nobody"}, "there is no proxy `nobody`; known are"),
        ({"url": "http://catalog/", "source": "catalogue"}, "did you mean `shop/catalog`?"),
        ({"url": "http://catalog/", "gateway": "publik"}, "there is no gateway `publik`; did you mean `public`?"),
    ],
)
def test_a_question_that_the_mesh_cannot_answer_is_refused(shop: Result, fields: dict[str, Any], said: str):
    with pytest.raises(UnanswerableError) as refused:
        follow(shop, **fields)
    assert said in str(refused.value)


def test_a_name_of_several_proxies_is_listed(tmp_path: Path):
    again = SHOP + SHOP.split("---\n")[1].replace("namespace: shop", "namespace: other").join(["---\n", ""])
    result = compiled(tmp_path, again)
    with pytest.raises(UnanswerableError) as refused:
        follow(result, url="http://catalog.shop/", source="webapp")
    assert str(refused.value) == "`webapp` is 2 proxies; say which one is meant: `other/webapp`, `shop/webapp`"


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"url": "http://catlog/", "source": "webapp"}, "shop/webapp knows no host `catlog` on port 80; did you mean `catalog`?"),
        ({"url": "http://mail/", "source": "webapp"}, "knows no host `mail` on port 80; did you mean `mail.elsewhere`?"),
        ({"url": "https://shup.example.com/"}, "shop/public knows no host `shup.example.com` on port 443; did you mean"),
        (
            {"url": "http://catalog:81/", "source": "webapp"},
            "knows no host `catalog` on port 81; `catalog.shop.svc.cluster.local` has the port 80",
        ),
    ],
)
def test_an_unknown_host_gets_the_nearest_one(shop: Result, fields: dict[str, Any], note: str):
    assert [each for each in follow(shop, **fields).notes if note in each]


def test_a_request_that_cannot_be_is_closed_with_its_reason(shop: Result):
    plain = told(shop, url="http://shop.example.com:443/").splitlines()[0]
    assert plain.startswith("closed at shop/public: ")
    nobody = told(shop, url="https://shop.example.com:444/").splitlines()[0]
    assert nobody == "refused at shop/public: nothing listens on port 444"


def test_lines_are_broken_at_the_width_of_the_terminal_and_nowhere_else(shop: Result):
    journey = follow(shop, url="http://catalog/x", method="POST", source="shop/webapp")
    for line in render_journey(journey, width=80, explain=True).splitlines():
        assert len(line) <= 80 or " " not in line.lstrip(" │├└─")
    assert max(map(len, render_journey(journey).splitlines())) > 130
    assert "\x1b[" not in render_journey(journey)
    assert "\x1b[1;31mdenied 403" in render_journey(journey, color=True)


def test_explain_says_why_other_rules_did_not_match(tmp_path: Path):
    rules = "routes: [{match: {headers: {x-cohort: internal}}, to: v2}, {to: v1}]"
    result = compiled(tmp_path, SHOP.replace("routes: [{split: {v1: 80, v2: 20}, timeout: 2s}]", rules))
    journey = follow(result, url="http://catalog/", source="shop/webapp")
    assert "not #0: header `x-cohort` is missing" in render_journey(journey, explain=True)
    assert "not #0" not in render_journey(journey)


def test_a_mirrored_request_has_a_way_of_its_own(tmp_path: Path):
    mirror = "---\napiVersion: meshgen/v1\nkind: Mirror\nmetadata: {name: shadow, namespace: shop}\n"
    result = compiled(tmp_path, SHOP + mirror + "spec: {service: catalog, to: v2, percent: 25}\n")
    (copy,) = follow(result, url="http://catalog/", source="webapp").copies
    assert (copy.mirror.percent, [hop.proxy.id for hop in copy.hops]) == (25, ["shop/catalog"])
    assert copy.hops[0].request.host == "catalog-shadow"
    text = told(result, url="http://catalog/", source="webapp")
    assert "a copy of 25% to catalog.shop.svc.cluster.local:80 v2, whose answer nobody waits for" in text


def test_json_says_the_answer_and_each_hop(shop: Result):
    journey = follow(shop, url="http://catalog/x", method="POST", source="shop/webapp")
    found = json.loads(json.dumps(journey_to_json(journey, lambda source: source_line(shop, source))))
    assert set(found) == {"answer", "hops", "copies", "notes"}
    answer = found["answer"]
    assert (answer["arrives"], answer["outcome"], answer["status"], answer["proxy"]) == (False, "denied", 403, "shop/catalog")
    assert answer["decidedBy"]["stage"] == "rbac"
    arrives = found["hops"][1]["arrives"]
    assert (arrives["tls"], arrives["principal"]) == ("mtls", "cluster.local/ns/shop/sa/webapp")


# --- Mermaid --------------------------------------------------------------------------------------------------------
# The sequence diagrams' grammar, as far as it is used: participants, messages and notes, one a line.
_TEXT = r"(?:[\w ./:,()=+*?&@|-]|#\d+;|<br/>)+"
_LINE = re.compile(
    rf"    (?:participant \w+ as {_TEXT}|\w+(?:->>|--x)\w+: {_TEXT}|Note over \w+(?:,\w+)?: {_TEXT})"
)  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "http://catalog/x?a=%41#f", "source": "shop/webapp"},
        {"url": "http://catalog/x;y\"<b>'--x", "method": "POST", "source": "shop/webapp"},
        {"url": "https://shop.example.com/é→\u202e"},
        {"url": "http://catalog/end", "source": "shop/webapp", "headers": (("x", "%%{init}%%"),)},
        {"url": "tcp://db:5432", "source": "shop/webapp"},
    ],
)
def test_a_diagram_keeps_to_the_grammar_whatever_the_request_says(shop: Result, fields: dict[str, Any]):
    text = render_mermaid(follow(shop, **fields), lambda source: source_line(shop, source))
    head, *lines = text.splitlines()
    assert head == "sequenceDiagram"
    assert [line for line in lines if not _LINE.fullmatch(line)] == []
    names = {line.split()[1] for line in lines if line.lstrip().startswith("participant")}
    used = {name for line in lines for name in re.findall(r"^\s+(\w+)(?:->>|--x)(\w+):", line) for name in name}
    assert used <= names


def test_text_that_means_something_to_mermaid_is_escaped():
    assert escaped("a;b#c%d\n<e>") == "a#59;b#35;c#37;d #60;e#62;"


# --- several clusters -----------------------------------------------------------------------------------------------
MESH = """\
apiVersion: meshgen/v1
kind: Mesh
metadata: {name: mesh}
spec:
  clusters:
    west: {network: west-network, ca: root, eastWest: {}}
    east: {network: east-network, ca: root, eastWest: {}}
---
apiVersion: meshgen/v1
kind: Service
metadata: {name: webapp, namespace: shop, clusters: [west]}
spec: {ports: [80], workload: {selector: {app: webapp}, serviceAccount: webapp}}
---
apiVersion: v1
kind: Service
metadata: {name: reports, namespace: shop}
spec: {selector: {app: reports}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: reports-0
  namespace: shop
  labels: {app: reports}
  annotations: {meshgen/clusters: east}
spec: {serviceAccountName: reports, containers: [{name: app}]}
status: {podIP: 10.2.0.9, phase: Running}
---
apiVersion: v1
kind: Pod
metadata:
  name: webapp-0
  namespace: shop
  labels: {app: webapp}
  annotations: {meshgen/clusters: west}
spec: {serviceAccountName: webapp, containers: [{name: app}]}
status: {podIP: 10.1.0.9, phase: Running}
"""


def test_a_request_crosses_to_the_cluster_that_has_the_endpoints(tmp_path: Path):
    (tmp_path / "mesh").mkdir()
    (tmp_path / "meshgen.yaml").write_text("apiVersion: meshgen/v1\nkind: Project\n")
    (tmp_path / "mesh" / "mesh.yaml").write_text(MESH)
    results = compile_clusters(tmp_path, Options())
    west = next(result for result in results if result.cluster == "west")
    journey = journeys_of(west, results).follow(Question(url="http://reports/", source="webapp"))
    assert [(hop.side, hop.cluster) for hop in journey.hops if hop.side != "through"] == [("out of", "west"), ("into", "east")]
    assert journey.last.request.principal == "cluster.local/ns/shop/sa/webapp"
    assert "the request crosses to cluster `east`: cluster `west` has no endpoint of it" in journey.notes
