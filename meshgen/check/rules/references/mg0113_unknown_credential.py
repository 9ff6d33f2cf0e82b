"""MG0113: a gateway's credential is no Secret of its workload's namespace."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Inventory, Lacking, Rule
from meshgen.diagnostics import JsonPath
from meshgen.diagnostics.catalogue.link import UNKNOWN_CREDENTIAL
from meshgen.istio.gateway import Gateway, Server


def find(context: Context) -> Iterator[Answer]:
    """Credentials that no Secret beside the gateway's workload holds."""
    secrets: dict[str, set[str]] = {}
    for secret in context.mesh.facts.secrets:
        secrets.setdefault(secret.metadata.namespace, set()).add(secret.metadata.name)
    names = {namespace: tuple(sorted(found)) for namespace, found in secrets.items()}
    for gateway in context.mesh.of_kind(Gateway):
        namespaces = context.gateway_namespaces(gateway)
        for index, server in enumerate(gateway.spec.servers or ()):
            for path, name in _credentials(server):
                for namespace in namespaces:
                    if namespace not in secrets:
                        yield Lacking(f"Secrets of namespace {namespace}")
                    elif name not in secrets[namespace]:
                        yield UNKNOWN_CREDENTIAL.at(
                            gateway.origin_of("spec", "servers", index, "tls", *path),
                            f"gateway `{gateway.name}` uses unknown credential `{name}`",
                            label=f"no Secret of namespace `{namespace}`, where the gateway runs",
                            help=context.near(name, names[namespace]) or f"create the Secret `{name}` in namespace `{namespace}`",
                        )


def _credentials(server: Server) -> Iterator[tuple[JsonPath, str]]:
    tls = server.tls
    if tls is None:
        return
    if tls.credential_name and "://" not in tls.credential_name:
        yield ("credentialName",), tls.credential_name
    for index, name in enumerate(tls.credential_names or ()):
        yield ("credentialNames", index), name


RULE = Rule(code=UNKNOWN_CREDENTIAL, find=find, needs=(Inventory.SECRETS,))
