"""YAML writers on the objects of many services, as ratios in one run: `python benchmarks/yaml_writers.py [services]`.

Prints each writer's speed relative to PyYAML's CSafeDumper (higher is faster), the median of interleaved repeats. orjson, which
writes JSON, is the floor.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import orjson
import yaml
import yaml_rs

from meshgen.emit.istio.yaml_writer import dump_documents
from meshgen.json import JsonObject

REPEATS = 5


def virtual_service(name: str, host: str) -> JsonObject:
    """A VirtualService with a header rule and a canary."""

    def route(subset: str, weight: int) -> JsonObject:
        return {"destination": {"host": host, "subset": subset}, "weight": weight}

    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app.kubernetes.io/managed-by": "meshgen"}},
        "spec": {
            "hosts": [host, f"{name}.example.com"],
            "http": [
                {"match": [{"headers": {"x-cohort": {"exact": "internal"}}}], "route": [route("v2", 100)]},
                {
                    "route": [route("v1", 90), route("v2", 10)],
                    "timeout": "2s",
                    "retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,connect-failure"},
                    "mirrors": [{"destination": {"host": host, "subset": "v2"}, "percentage": {"value": 25.0}}],
                },
            ],
        },
    }


def destination_rule(name: str, host: str) -> JsonObject:
    """A DestinationRule with two subsets and outlier detection."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app.kubernetes.io/managed-by": "meshgen"}},
        "spec": {
            "host": host,
            "trafficPolicy": {
                "loadBalancer": {"simple": "LEAST_REQUEST"},
                "connectionPool": {"tcp": {"maxConnections": 100}, "http": {"http1MaxPendingRequests": 10}},
                "outlierDetection": {"consecutive5xxErrors": 5, "interval": "5s", "baseEjectionTime": "30s"},
            },
            "subsets": [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")],
        },
    }


def authorization_policy(name: str) -> JsonObject:
    """An AuthorizationPolicy with one named caller."""
    principal = f"cluster.local/ns/shop/sa/{name}-caller"
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "action": "ALLOW",
            "rules": [
                {
                    "from": [{"source": {"principals": [principal]}}],
                    "to": [{"operation": {"methods": ["GET"], "paths": ["/items*"]}}],
                }
            ],
        },
    }


def objects(services: int) -> list[JsonObject]:
    """Three objects a service."""
    made: list[JsonObject] = []
    for number in range(services):
        name = f"service-{number}"
        host = f"{name}.shop.svc.cluster.local"
        made += [virtual_service(name, host), destination_rule(name, host), authorization_policy(name)]
    return made


WRITERS: dict[str, Callable[[list[JsonObject]], object]] = {
    "CSafeDumper": lambda values: yaml.dump_all(values, Dumper=yaml.CSafeDumper, sort_keys=False),
    "yaml-rs": lambda values: [yaml_rs.dumps(value) for value in values],
    "meshgen": dump_documents,
    "orjson": lambda values: [orjson.dumps(value) for value in values],
}


def main() -> None:
    """Measure and print."""
    services = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    values = objects(services)
    seconds: dict[str, list[float]] = {name: [] for name in WRITERS}
    for _ in range(REPEATS):
        for name, write in WRITERS.items():
            start = time.perf_counter()
            write(values)
            seconds[name].append(time.perf_counter() - start)
    base = statistics.median(seconds["CSafeDumper"])
    megabytes = len(dump_documents(values)) / 1e6
    print(f"{len(values)} objects, {megabytes:.1f} MB of YAML; CSafeDumper = 1, the first repeat (nothing memoised) in brackets")
    for name, times in seconds.items():
        print(f"{name:12} {base / statistics.median(times):7.1f}  ({seconds['CSafeDumper'][0] / times[0]:.1f})")


if __name__ == "__main__":
    main()
