"""PeerAuthentications and RequestAuthentications → Authentication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from meshgen.adopt.meaning import own_marks
from meshgen.adopt.reader import Native, Proposal, Surroundings, Table, each, fields, scope, word
from meshgen.intent.authentication import Authentication
from meshgen.json import JsonObject

_ISSUER: Table = {
    "issuer": "issuer",
    "jwks": "jwks",
    "jwks_uri_deprecated": "jwksUri",
    "jwks_uri": "jwksUri",
    "audiences": "audiences",
    "from_headers": ("fromHeaders", each(lambda header: fields(header, {"name": "name", "prefix": "prefix"}))),
    "from_params": "fromParams",
    "from_cookies": "fromCookies",
    "forward_original_token": "forward",
    "output_payload_to_header": "outputPayloadToHeader",
    "output_claim_to_headers": ("claimsToHeaders", lambda claims: {each.header: each.claim for each in claims}),
    "space_delimited_claims": "spaceDelimitedClaims",
    "presence": ("presence", word),
    "timeout": "timeout",
}


def authentication(native: Native, beside: Surroundings) -> Iterator[Proposal]:
    """The Authentication that gives one object."""
    yield _proposal((native,), beside)


def together(natives: Iterable[Native], beside: Surroundings) -> Iterator[Proposal]:
    """An Authentication for a PeerAuthentication and a RequestAuthentication of one name for the same Pods."""
    by_name: dict[tuple[str, str], list[Native]] = {}
    for native in natives:
        by_name.setdefault((native.namespace, native.name), []).append(native)
    for group in by_name.values():
        first = group[0]
        if (
            len(group) > 1
            and not any(map(_has_targets, group))
            and all(
                (each.spec.selector, own_marks(each.labels), own_marks(each.annotations))
                == (first.spec.selector, own_marks(first.labels), own_marks(first.annotations))
                for each in group
            )
        ):
            yield _proposal(tuple(group), beside)


def _has_targets(native: Native) -> bool:
    return native.kind == "RequestAuthentication" and (native.spec.target_ref or native.spec.target_refs) is not None


def _proposal(natives: tuple[Native, ...], beside: Surroundings) -> Proposal:
    first = natives[0]
    said = scope(first, beside)
    for native in natives:
        if native.kind == "PeerAuthentication":
            said["mtls"] = _mutual_tls(native.spec)
        else:
            said["jwt"] = [_issuer(rule) for rule in native.spec.jwt_rules or ()]
    return Proposal(
        kind=Authentication,
        name=first.name,
        namespace=first.namespace,
        spec=said,
        objects=natives,
        labels=first.labels,
        annotations=first.annotations,
    )


def _mutual_tls(spec: Any) -> JsonObject:  # noqa: ANN401 (PeerAuthentication)
    said: JsonObject = {}
    if spec.mtls is not None and spec.mtls.mode is not None:
        said["mode"] = word(spec.mtls.mode)
    if spec.port_level_mtls:
        said["ports"] = {port: word(mtls.mode or "UNSET") for port, mtls in spec.port_level_mtls.items()}
    return said or {"mode": "unset"}


def _issuer(rule: Any) -> JsonObject:  # noqa: ANN401 (JWTRule)
    said: JsonObject = fields(rule, _ISSUER)
    if said.get("presence") == "unspecified":
        del said["presence"]
    return {"issuer": "", **said}
