"""Which fields of Istio's API the Envoy output carries over, and what becomes of the others.

Every field of the eight kinds that shape a proxy stands here; tests/unit/emit_envoy_security/test_envoy_coverage.py compares the
tables with the types, and looks for the code that reads what is said to be carried or reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

KINDS: Final = (
    "AuthorizationPolicy",
    "DestinationRule",
    "Gateway",
    "PeerAuthentication",
    "RequestAuthentication",
    "ServiceEntry",
    "Sidecar",
    "VirtualService",
)


class Coverage(StrEnum):
    """What becomes of a field."""

    CARRIED = "carried"
    REPORTED = "reported"  # left out, with a diagnostic MG09xx (`limits.py`, `traffic_limits.py`)
    NOT_APPLICABLE = "not applicable"  # decides nothing for a proxy


@dataclass(frozen=True, slots=True)
class Omission:
    """Why a field is not carried over."""

    coverage: Coverage
    reason: str


CARRIED: Final[Mapping[str, str]] = {
    # --- VirtualService
    "VirtualService": "exportTo gateways hosts http tcp tls",
    "TLSRoute": "match route",
    "TLSMatchAttributes": "destinationSubnets gateways port sniHosts sourceLabels sourceNamespace",
    "RouteDestination": "destination weight",
    "Destination": "host port subset",
    "PortSelector": "number",
    "HTTPRoute": (
        "corsPolicy delegate directResponse fault headers match mirror mirrorPercent mirrorPercentage mirror_percent "
        "mirrors name redirect retries rewrite route timeout"
    ),
    "HTTPMatchRequest": (
        "authority gateways headers ignoreUriCase method name port queryParams scheme sourceLabels sourceNamespace "
        "statPrefix uri withoutHeaders"
    ),
    "StringMatch": "exact prefix regex",
    "Headers": "request response",
    "HeaderOperations": "add remove set",
    "Delegate": "name namespace",
    "HTTPRedirect": "authority derivePort port prefixRewrite redirectCode scheme uri",
    "HTTPDirectResponse": "body status",
    "HTTPBody": "bytes string",
    "HTTPRouteDestination": "destination headers weight",
    "HTTPRewrite": "authority uri uriRegexRewrite",
    "RegexRewrite": "match rewrite",
    "HTTPRetry": "attempts backoff perTryTimeout retryIgnorePreviousHosts retryOn retryRemoteLocalities",
    "HTTPFaultInjection": "abort delay",
    "FaultDelay": "fixedDelay percent percentage",
    "Percent": "value",
    "FaultAbort": "grpcStatus httpStatus percentage",
    "HTTPMirrorPolicy": "destination percentage",
    "CorsPolicy": (
        "allowCredentials allowHeaders allowMethods allowOrigin allowOrigins exposeHeaders maxAge unmatchedPreflights"
    ),
    "TCPRoute": "match route",
    "L4MatchAttributes": "destinationSubnets gateways port sourceLabels sourceNamespace",
    # --- DestinationRule
    "DestinationRule": "exportTo host subsets trafficPolicy workloadSelector",
    "WorkloadSelector": "matchLabels",
    "TrafficPolicy": "connectionPool loadBalancer outlierDetection portLevelSettings proxyProtocol retryBudget tls tunnel",
    "ClientTLSSettings": (
        "caCertificates caCrl clientCertificate credentialName insecureSkipVerify mode privateKey sni subjectAltNames"
    ),
    "ConnectionPoolSettings": "http tcp",
    "HTTPSettings": (
        "h2UpgradePolicy http1MaxPendingRequests http2KeepAlive http2MaxRequests idleTimeout maxConcurrentStreams "
        "maxRequestsPerConnection maxRetries useClientProtocol"
    ),
    "HTTP2KeepAlive": "interval timeout",
    "TCPSettings": "connectTimeout idleTimeout maxConnectionDuration maxConnections tcpKeepalive",
    "TcpKeepalive": "interval probes time",
    "LoadBalancerSettings": "consistentHash localityLbSetting simple warmup warmupDurationSecs",
    "ConsistentHashLB": "httpCookie httpHeaderName httpQueryParameterName maglev minimumRingSize ringHash useSourceIp",
    "HTTPCookie": "attributes name path ttl",
    "HTTPCookieAttribute": "name value",
    "MagLev": "tableSize",
    "RingHash": "minimumRingSize",
    "LocalityLoadBalancerSetting": "distribute enabled failover failoverPriority",
    "LocalityDistribute": "from to",
    "LocalityFailover": "from to",
    "WarmupConfiguration": "aggression duration minimumPercent",
    "OutlierDetection": (
        "baseEjectionTime consecutive5xxErrors consecutiveGatewayErrors consecutiveLocalOriginFailures interval "
        "maxEjectionPercent minHealthPercent outlierDetectionHttpErrorCodes splitExternalLocalOriginErrors"
    ),
    "PortTrafficPolicy": "connectionPool loadBalancer outlierDetection port tls",
    "ProxyProtocol": "version",
    "RetryBudget": "minRetryConcurrency percent",
    "TunnelSettings": "protocol targetHost targetPort",
    "Subset": "labels name trafficPolicy",
    # --- Gateway
    "Gateway": "selector servers",
    "Server": "bind hosts port tls",
    "GatewayPort": "name number protocol",
    "ServerTLSSettings": (
        "caCertCredentialName caCertificates caCrl cipherSuites credentialName credentialNames ecdhCurves httpsRedirect "
        "insecureSkipVerify maxProtocolVersion minProtocolVersion mode privateKey serverCertificate subjectAltNames "
        "tlsCertificates verifyCertificateHash verifyCertificateSpki"
    ),
    "TLSCertificate": "caCertificates privateKey serverCertificate",
    # --- ServiceEntry
    "ServiceEntry": "addresses endpoints exportTo hosts location ports resolution subjectAltNames workloadSelector",
    "NetworkingWorkloadSelector": "labels",
    "ServicePort": "name number protocol targetPort",
    "WorkloadEntry": "address labels locality network ports serviceAccount weight",
    # --- AuthorizationPolicy
    "AuthorizationPolicy": "action provider rules selector",
    "NamedReference": "name",
    "Rule": "from to when",
    "RuleFrom": "source",
    "Source": (
        "ipBlocks namespaces notIpBlocks notNamespaces notPrincipals notRemoteIpBlocks notRequestPrincipals "
        "notServiceAccounts notTrustDomains principals remoteIpBlocks requestPrincipals serviceAccounts trustDomains"
    ),
    "RuleTo": "operation",
    "Operation": "hosts methods notHosts notMethods notPaths notPorts paths ports",
    "Condition": "key notValues values",
    # --- PeerAuthentication
    "PeerAuthentication": "mtls portLevelMtls selector",
    "MutualTLS": "mode",
    # --- RequestAuthentication
    "RequestAuthentication": "jwtRules selector",
    "JWTRule": (
        "audiences forwardOriginalToken fromCookies fromHeaders fromParams issuer jwks jwksUri jwks_uri "
        "outputClaimToHeaders outputPayloadToHeader presence spaceDelimitedClaims timeout"
    ),
    "JWTHeader": "name prefix",
    "ClaimToHeader": "claim header",
    # --- Sidecar
    "Sidecar": "egress inboundConnectionPool ingress outboundTrafficPolicy workloadSelector",
    "IstioIngressListener": "bind captureMode connectionPool defaultEndpoint port tls",
    "SidecarPort": "number protocol",
    "IstioEgressListener": "bind captureMode hosts port",
    "OutboundTrafficPolicy": "mode",
}
"""By the type's name: its fields that are carried over, as Istio's API names them."""

NOT_CARRIED: Final[Mapping[tuple[str, str], Omission]] = {
    ("FaultDelay", "exponentialDelay"): Omission(Coverage.REPORTED, "Envoy has fixed delays only"),
    ("FaultAbort", "http2Error"): Omission(Coverage.REPORTED, "Envoy aborts with HTTP and gRPC statuses only"),
    ("L4MatchAttributes", "sourceSubnet"): Omission(Coverage.REPORTED, "istiod does not read it either"),
    ("LoadBalancerSettings", "backendUtilization"): Omission(Coverage.REPORTED, "not translated yet"),
    ("LoadBalancerSettings", "zoneAwareLbSetting"): Omission(Coverage.REPORTED, "not translated yet"),
    ("RetryBudget", "budgetInterval"): Omission(Coverage.REPORTED, "not translated yet"),
    ("OutlierDetection", "consecutiveErrors"): Omission(Coverage.REPORTED, "istiod ignores this deprecated field"),
    ("Server", "defaultEndpoint"): Omission(Coverage.REPORTED, "istiod does not read it on gateways either"),
    ("Server", "name"): Omission(Coverage.NOT_APPLICABLE, "a label for people"),
    ("GatewayPort", "targetPort"): Omission(Coverage.NOT_APPLICABLE, "deprecated; istiod does not read it"),
    ("SidecarPort", "name"): Omission(Coverage.NOT_APPLICABLE, "a label for people"),
    ("SidecarPort", "targetPort"): Omission(Coverage.NOT_APPLICABLE, "deprecated; istiod does not read it"),
    ("OutboundTrafficPolicy", "egressProxy"): Omission(Coverage.REPORTED, "not translated yet"),
    ("AuthorizationPolicy", "targetRef"): Omission(Coverage.NOT_APPLICABLE, "names gateways of the Gateway API or waypoints"),
    ("AuthorizationPolicy", "targetRefs"): Omission(Coverage.NOT_APPLICABLE, "names gateways of the Gateway API or waypoints"),
    ("RequestAuthentication", "targetRef"): Omission(Coverage.NOT_APPLICABLE, "names gateways of the Gateway API or waypoints"),
    ("RequestAuthentication", "targetRefs"): Omission(Coverage.NOT_APPLICABLE, "names gateways of the Gateway API or waypoints"),
}
"""By type and field; what lies below such a field is not listed."""


def coverage(type_name: str, field: str) -> Coverage | None:
    """What becomes of a field (`coverage("HTTPRoute", "corsPolicy")`); None for a field that no table has."""
    if field in CARRIED.get(type_name, "").split():
        return Coverage.CARRIED
    omission = NOT_CARRIED.get((type_name, field))
    return omission.coverage if omission else None
