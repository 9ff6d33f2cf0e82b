"""Traces over what istiod gave a proxy, in the forms in which people have it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshgen.journey import Journeys, Question, UnanswerableError
from meshgen.journey.recorded import read_records
from meshgen.mesh import Role

ORACLE = Path(__file__).parents[2] / "oracle"
Json = dict[str, Any]


def record(case: str, proxy: str) -> Json:
    found: Json = json.loads((ORACLE / case / "istiod" / f"{proxy}.json").read_text())
    return found


def config_dump(record: Json, kind: str = "sidecar", name: str = "webapp-0") -> Json:
    """As an admin interface shows it."""
    admin = "type.googleapis.com/envoy.admin.v3."
    node = {
        "id": f"{kind}~{record['proxy']['ip']}~{name}.shop~shop.svc.cluster.local",
        "metadata": {"NAMESPACE": "shop", "NAME": name, "SERVICE_ACCOUNT": "webapp"},
    }
    return {
        "configs": [
            {"@type": f"{admin}BootstrapConfigDump", "bootstrap": {"node": node}},
            {
                "@type": f"{admin}ClustersConfigDump",
                "dynamic_active_clusters": [{"cluster": each} for each in record["clusters"]],
            },
            {
                "@type": f"{admin}ListenersConfigDump",
                "dynamic_listeners": [{"active_state": {"listener": each}} for each in record["listeners"]],
            },
            {
                "@type": f"{admin}RoutesConfigDump",
                "dynamic_route_configs": [{"route_config": each} for each in record["routes"]],
            },
            {
                "@type": f"{admin}EndpointsConfigDump",
                "dynamic_endpoint_configs": [{"endpoint_config": each} for each in record["endpoints"]],
            },
        ]
    }


def write(path: Path, value: object) -> str:
    path.write_text(json.dumps(value))
    return str(path)


def test_a_dump_answers_as_the_record_that_it_is_made_of(tmp_path: Path):
    whole = record("02-header-match", "webapp")
    dump = write(tmp_path / "dump.json", config_dump(whole))
    plain = write(tmp_path / "webapp.json", whole)
    answers = []
    for file in (dump, plain):
        scene = read_records([file], [])
        (proxy,) = scene.proxies
        question = Question(url="http://catalog:8000/items", source=proxy.id, headers=(("x-cohort", "internal"),))
        answers.append(Journeys.over(scene).follow(question).hops[0].decision)
    assert answers[0] == answers[1]
    assert answers[0].cluster.startswith("outbound|8000|")


def test_the_node_says_who_a_proxy_is(tmp_path: Path):
    dump = write(tmp_path / "dump.json", config_dump(record("02-header-match", "webapp")))
    (proxy,) = read_records([dump], []).proxies
    assert (proxy.id, proxy.role, proxy.service_account, proxy.address) == ("shop/webapp-0", Role.SIDECAR, "webapp", "10.20.0.10")


def test_lists_of_resources_are_one_proxy(tmp_path: Path):
    whole = record("02-header-match", "webapp")
    files = [write(tmp_path / f"{kind}.json", whole[kind]) for kind in ("listeners", "routes", "clusters", "endpoints")]
    scene = read_records(files, [])
    decision = Journeys.over(scene).follow(Question(url="http://catalog:8000/", source=scene.proxies[0].id)).hops[0].decision
    assert decision.cluster.startswith("outbound|8000|")


def test_two_dumps_are_joined_by_the_addresses_of_endpoints(tmp_path: Path):
    case = "01-hosts-aliases"
    client = record(case, "webapp")
    address = next(
        entry["endpoint"]["address"]["socket_address"]["address"]
        for assignment in client["endpoints"]
        if assignment["cluster_name"] == "outbound|8000||catalog.shop.svc.cluster.local"
        for group in assignment["endpoints"]
        for entry in group["lb_endpoints"]
    )
    server = record("34-authz-allow-deny", "catalog-v1")
    server["proxy"] = {**server["proxy"], "ip": address}
    files = [
        write(tmp_path / "webapp.json", config_dump(client)),
        write(tmp_path / "catalog.json", config_dump(server, name="catalog-0")),
    ]
    journey = Journeys.over(read_records(files, [])).follow(Question(url="http://catalog:8000/", source="shop/webapp-0"))
    assert [(hop.side, hop.proxy.id) for hop in journey.hops] == [("out of", "shop/webapp-0"), ("into", "shop/catalog-0")]
    assert journey.hops[1].request.port == 8080


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "gives is no JSON"),
        ("{}", "is no configuration dump of Envoy: it has neither `configs` nor `static_resources`"),
        ("5", "is no configuration dump of Envoy"),
        ("[1]", "holds a list, but not of listeners, clusters, routes or endpoints"),
    ],
)
def test_what_is_no_dump_is_said(content: str, said: str, tmp_path: Path):
    file = tmp_path / "dump.json"
    file.write_text(content)
    with pytest.raises(UnanswerableError) as refused:
        read_records([str(file)], [])
    assert said in str(refused.value)


def test_a_file_that_is_not_there_and_a_proxy_that_was_not_read_are_said(tmp_path: Path):
    with pytest.raises(UnanswerableError, match=r"nowhere.json` cannot be read: no such file or directory"):
        read_records([str(tmp_path / "nowhere.json")], [])
    dump = write(tmp_path / "dump.json", config_dump(record("02-header-match", "webapp")))
    with pytest.raises(
        UnanswerableError, match=r"there is no proxy `shop/webap-0` in what was read; did you mean `shop/webapp-0`"
    ):
        Journeys.over(read_records([dump], [])).follow(Question(url="http://a/", source="shop/webap-0"))
    with pytest.raises(UnanswerableError, match=r"two of the dumps are of `shop/webapp-0`"):
        read_records([dump, dump], [])


# --- a live admin interface -----------------------------------------------------------------------------------------
class Admin(http.server.BaseHTTPRequestHandler):
    answers: Json = {}  # noqa: RUF012 - set by the fixture

    def do_GET(self) -> None:
        body = json.dumps(self.answers.get(self.path)).encode()
        self.send_response(200 if self.path in self.answers else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def admin() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Admin)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def statuses(record: Json, health: Json) -> Json:
    found = []
    for assignment in record["endpoints"]:
        hosts = [
            {"address": entry["endpoint"]["address"], "health_status": health}
            for group in assignment.get("endpoints", [])
            for entry in group.get("lb_endpoints", [])
        ]
        found.append({"name": assignment["cluster_name"], "host_statuses": hosts})
    return {"cluster_statuses": found}


@pytest.mark.parametrize(
    ("health", "outcome"),
    [({"eds_health_status": "HEALTHY"}, "routed"), ({"failed_outlier_check": True}, "unavailable")],
)
def test_a_live_envoy_tells_its_configuration_and_the_health_of_endpoints(admin: str, health: Json, outcome: str):
    whole = record("02-header-match", "webapp")
    for cluster in whole["clusters"]:
        cluster["common_lb_config"] = {"healthy_panic_threshold": {"value": 0}}
    Admin.answers = {
        "/config_dump?include_eds": config_dump(whole),
        "/clusters?format=json": statuses(whole, health),
    }
    scene = read_records([], [admin])
    decision = Journeys.over(scene).follow(Question(url="http://catalog:8000/", source="webapp")).hops[0].decision
    assert decision.outcome.value == outcome


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://10.0.0.1:15000", "`10.0.0.1` is another machine; forward its port"),
        ("https://127.0.0.1:15000", "is no address of an admin interface; write one as in `http://127.0.0.1:15000`"),
        ("http://127.0.0.1:99999", "is no address of an admin interface: port out of range"),
        ("127.0.0.1:15000", "is no address of an admin interface"),
        ("http://127.0.0.1:1", "nobody answers at `http://127.0.0.1:1`"),
    ],
)
def test_an_admin_interface_that_cannot_be_asked_is_said(address: str, said: str):
    with pytest.raises(UnanswerableError) as refused:
        read_records([], [address])
    assert said in str(refused.value)


def test_an_address_that_answers_otherwise_is_said(admin: str):
    Admin.answers = {}
    with pytest.raises(UnanswerableError, match="answers 404 to /config_dump"):
        read_records([], [admin])
    Admin.answers = {"/config_dump?include_eds": {"hello": 1}}
    with pytest.raises(UnanswerableError, match="is no configuration dump of Envoy: it has no `configs`"):
        read_records([], [admin])
