"""Which kinds are read from a live cluster: Istio's, and those beside them that meshgen gives."""

from __future__ import annotations

from dataclasses import dataclass

from meshgen.istio.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Served:
    """A kind as an API server serves it."""

    name: str
    group: str  # empty for core objects
    versions: tuple[str, ...]  # newest first
    plural: str
    namespaced: bool = True

    @property
    def resource(self) -> str:
        """`deployments.apps`, as kubectl names it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_OTHERS = (
    # Kubernetes API reference
    Served("ConfigMap", "", ("v1",), "configmaps"),
    Served("Namespace", "", ("v1",), "namespaces", namespaced=False),
    Served("Service", "", ("v1",), "services"),
    Served("ServiceAccount", "", ("v1",), "serviceaccounts"),
    Served("Deployment", "apps", ("v1",), "deployments"),
    Served("HorizontalPodAutoscaler", "autoscaling", ("v2",), "horizontalpodautoscalers"),
    Served("PodDisruptionBudget", "policy", ("v1",), "poddisruptionbudgets"),
    Served("Role", "rbac.authorization.k8s.io", ("v1",), "roles"),
    Served("RoleBinding", "rbac.authorization.k8s.io", ("v1",), "rolebindings"),
    Served("ClusterRole", "rbac.authorization.k8s.io", ("v1",), "clusterroles", namespaced=False),
    Served("ClusterRoleBinding", "rbac.authorization.k8s.io", ("v1",), "clusterrolebindings", namespaced=False),
    # Flagger, Argo Rollouts, the Prometheus operator, Kiali
    Served("Canary", "flagger.app", ("v1beta1",), "canaries"),
    Served("MetricTemplate", "flagger.app", ("v1beta1",), "metrictemplates"),
    Served("AlertProvider", "flagger.app", ("v1beta1",), "alertproviders"),
    Served("Rollout", "argoproj.io", ("v1alpha1",), "rollouts"),
    Served("AnalysisTemplate", "argoproj.io", ("v1alpha1",), "analysistemplates"),
    Served("PodMonitor", "monitoring.coreos.com", ("v1",), "podmonitors"),
    Served("PrometheusRule", "monitoring.coreos.com", ("v1",), "prometheusrules"),
    Served("ServiceMonitor", "monitoring.coreos.com", ("v1",), "servicemonitors"),
    Served("Kiali", "kiali.io", ("v1alpha1",), "kialis"),
)

SERVED: dict[str, Served] = {
    **{kind.name: kind for kind in _OTHERS},
    **{name: Served(name, kind.group, kind.versions, kind.plural) for name, kind in KINDS.items()},
}
"""By kind."""
