"""MeshNetworks of the tree: which network the cluster is on, and which are behind gateways."""

from __future__ import annotations

from typing import Any

import yaml

from meshgen.diagnostics import Origin
from meshgen.istio.networks import NetworkGateway, Networks
from meshgen.kubernetes import CoreFacts
from meshgen.load.kubernetes import decode_facts
from meshgen.lower.lower import lower
from meshgen.lower.mesh_networks import with_mesh_networks

NETWORKS = """
networks:
  east: {endpoints: [{fromRegistry: Kubernetes}], gateways: [{address: 192.0.2.7, port: 15443}]}
  west: {endpoints: [{fromRegistry: west-1}, {fromCidr: 10.8.0.0/16}], gateways: [{address: gate.west.example, port: 15443}]}
  attic: {endpoints: [{fromRegistry: attic}]}
"""


def facts_of(*texts: str, namespace: str = "istio-system") -> CoreFacts:
    documents: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"istio-{number}" if number else "istio", "namespace": namespace},
            "data": {"meshNetworks": text},
        }
        for number, text in enumerate(texts)
    ]
    facts, found = decode_facts((document, Origin("istio.yaml", number)) for number, document in enumerate(documents))
    assert not found
    return facts


def test_without_a_mesh_they_say_all_of_it():
    lowered, found = lower((), (), facts_of(NETWORKS, "networks: {north: {gateways: [{address: a, port: 1}]}}"))
    assert found == ()
    gateways = {"east": (NetworkGateway("192.0.2.7"),), "west": (NetworkGateway("gate.west.example"),)}
    assert lowered.networks == Networks(own="east", behind_gateways=frozenset({"east", "west"}), gateways=gateways)


def test_they_add_to_what_the_mesh_says_of_its_clusters():
    said = Networks(own="north", behind_gateways=frozenset({"north"}), other_clusters=("west-1",))
    networks = with_mesh_networks(said, facts_of(NETWORKS).mesh_networks, "west-1", [])
    assert (networks.own, networks.other_clusters) == ("north", ("west-1",))
    assert networks.behind_gateways == {"north", "east", "west"}
    assert with_mesh_networks(Networks(), facts_of(NETWORKS).mesh_networks, "west-1", []).own == "west"


def test_an_empty_text_says_nothing():
    assert facts_of("", "{}").mesh_networks == ()


def test_what_istiod_does_not_take_is_said():
    text = yaml.safe_dump({
        "networks": {"a": {"endpoints": [{"fromCidr": "10.x"}, {}], "gateways": [{"address": "gate"}, {"port": 1}]}}
    })
    _, found = lower((), (), facts_of(text))
    assert [each.message for each in found] == [
        "MeshNetworks: `10.x` is no range of addresses",
        "MeshNetworks: endpoints of a network are of a registry or of addresses",
        "MeshNetworks: a gateway of a network has a port between 1 and 65535",
        "MeshNetworks: a gateway of a network has an address",
    ]
    _, found = lower((), (), facts_of("networks: {a: {gateway: []}}"))
    assert [(each.code.number, each.message[:16]) for each in found] == [("MG0042", "`Network` has no")]
