"""The appendices in Python: what is installed, who gets a sidecar, who is who."""

from meshgen import Access, Allow, Mesh, Port, Service, Workload

NAMESPACE = "theatre"


def workload(name: str) -> Workload:
    """Pods labelled by the service's name, with an account of that name."""
    return Workload(selector={"app": name}, service_account=name)


installation = Mesh(
    "mesh",
    trust_domain="theatre.example.com",
    access_log={"file": "/dev/stdout", "encoding": "json"},
    injection={"namespaces": "labelled", "never": [{"labels": {"job": "true"}}]},
    namespaces={"theatre": {"inject": True}, "workshop": {"inject": False}},
    install={
        "version": "1.31.0",
        "profile": "default",
        "revision": "stable",
        "istiod": {"replicas": 2, "autoscale": False},
        "gateways": {
            "ingress": {
                "namespace": "istio-ingress",
                "labels": {"istio": "ingressgateway"},
                "service": {"type": "LoadBalancer", "ports": [80, 443]},
            }
        },
    },
)

mesh = [
    installation,
    Service("boxoffice", namespace=NAMESPACE, ports=[80], workload=workload("boxoffice")),
    Service("plays", namespace=NAMESPACE, ports=[Port(name="http", port=80, target_port=8080)], workload=workload("plays")),
    Access("plays-callers", namespace=NAMESPACE, service="plays", default="deny", allow=[Allow(from_=["boxoffice"])]),
]
