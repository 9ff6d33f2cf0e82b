"""VirtualMachines: a group of workloads outside Kubernetes that takes part in the mesh."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from meshgen.intent.kind import Intent
from meshgen.intent.leaves import Count, Duration, Host, Labels, ObjectName, PortNumber
from meshgen.intent.model import Many, Model, broken
from meshgen.intent.service import Port
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.json import JsonObject, JsonValue
from meshgen.values import SECOND, is_ip, parse_duration


def _whole_seconds(text: str) -> str:
    if parse_duration(text) % SECOND:
        raise broken(f"`{text}` is no whole number of seconds, and a probe's times are", kind="value")
    return text


Seconds = Annotated[Duration, AfterValidator(_whole_seconds)]
"""A duration of whole seconds."""


def _ip(text: str) -> str:
    if not is_ip(text):
        raise broken(f"`{text}` is not an IP address", kind="value")
    return text


IpAddress = Annotated[str, AfterValidator(_ip)]
"""An IPv4 or IPv6 address."""

Weight = Annotated[int, Field(ge=0, le=4294967295)]


class HttpProbe(Model):
    """Asks over HTTP: any status from 200 to 399 is well. Short: `8080/healthz`, the port and the path, or the port alone."""

    SHORT_SCHEMA: ClassVar = {
        "type": ["string", "integer"],
        "description": "`8080/healthz`: the port and the path; or the port alone.",
    }

    port: PortNumber
    path: str | None = None
    """`/` where absent."""
    host: str | None = None
    """The address that is asked; the machine itself where absent."""
    scheme: Literal["http", "https"] | None = None
    headers: dict[str, str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        if isinstance(value, int) and not isinstance(value, bool):
            return {"port": value}
        if not isinstance(value, str):
            return value
        port, slash, path = value.partition("/")
        if not re.fullmatch("[0-9]{1,5}", port):
            raise broken(f"`{value}` is no HTTP probe", help="write the port and the path, as in `8080/healthz`", kind="value")
        return {"port": int(port), **({"path": f"/{path}"} if slash else {})}

    def to_short(self, long: JsonObject) -> JsonValue:
        """The port and the path, if nothing else is said."""
        if set(long) == {"port"}:
            return long["port"]
        path = long.get("path")
        rooted = set(long) == {"port", "path"} and isinstance(path, str) and path.startswith("/")
        return f"{long['port']}{path}" if rooted else long


class TcpProbe(Model):
    """Opens a connection. Short: the port."""

    SHORT_SCHEMA: ClassVar = {"type": "integer"}

    port: PortNumber
    host: str | None = None
    """The address that is asked; the machine itself where absent."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"port": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The port, if it stands alone."""
        return long["port"] if set(long) == {"port"} else long


class GrpcProbe(Model):
    """Asks gRPC's health service (`grpc.health.v1.Health`). Short: the port."""

    SHORT_SCHEMA: ClassVar = {"type": "integer"}

    port: PortNumber | None = None
    service: str | None = None
    """The service whose health is asked for."""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"port": value} if isinstance(value, int) and not isinstance(value, bool) else value

    def to_short(self, long: JsonObject) -> JsonValue:
        """The port, if it stands alone."""
        return long["port"] if set(long) == {"port"} else long


class Probe(Model):
    """How the agent on the machine finds out whether the application is well; a machine that is not gets no requests.

    One of `http`, `tcp`, `grpc` and `exec`. Times are whole seconds.
    """

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    grpc: GrpcProbe | None = None
    exec: Annotated[Many[Annotated[str, Field(min_length=1)]], NOT_EMPTY] | None = None
    """A command and its arguments; it is well where it ends with 0."""
    delay: Seconds | None = None
    """How long after its start the machine is asked first (Istio: `initialDelaySeconds`)."""
    every: Seconds | None = None
    """10s where absent (Istio: `periodSeconds`)."""
    timeout: Seconds | None = None
    """1s where absent (Istio: `timeoutSeconds`)."""
    healthy_after: Count | None = None
    """Answers in a row that make it well; 1 where absent (Istio: `successThreshold`)."""
    unhealthy_after: Count | None = None
    """Failures in a row that make it unwell; 3 where absent (Istio: `failureThreshold`)."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(way is not None for way in (self.http, self.tcp, self.grpc, self.exec)) != 1:
            raise broken("a probe has one of `http`, `tcp`, `grpc` and `exec`", kind="exclusive")
        return self


class Machine(Model):
    """One machine that does not register itself. Gives a WorkloadEntry; what is absent is the group's. Short: the address."""

    SHORT_SCHEMA: ClassVar = {"type": "string", "description": "The address: an IP or a DNS name."}

    address: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """An IP, a DNS name or a Unix socket (`unix:///…`); not needed where `network` has a gateway through which it is reached."""
    name: ObjectName | None = None
    """Of the WorkloadEntry; the group's name and the address where absent: `forum-10-0-0-5`."""
    ports: dict[str, PortNumber] | None = None
    weight: Weight | None = None
    labels: Labels | None = None
    """Beside those of the group."""
    locality: str | None = None
    network: str | None = None
    service_account: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:  # noqa: ANN401 (a stranger's value)
        return {"address": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.address is None and self.name is None:
            raise broken("a machine has an `address`, or a `name` and a `network`", kind="missing")
        return self

    def to_short(self, long: JsonObject) -> JsonValue:
        """The address, if it stands alone."""
        return long["address"] if set(long) == {"address"} else long


class MachineService(Model):
    """The hosts by which the mesh calls the machines, where no Service selects them. Gives a ServiceEntry."""

    hosts: Annotated[Many[Host], NOT_EMPTY, LIST]
    ports: Annotated[Many[Port], NOT_EMPTY]
    """As a Service has them; an absent `targetPort` is the group's port of this name, else the same number."""
    addresses: Many[str] | None = None
    """Virtual IPs of the hosts, as clients that speak no HTTP need them where the mesh does not proxy DNS."""
    resolution: Literal["static", "dns", "dnsRoundRobin"] | None = None
    """How addresses are found; where absent `dns` if a machine is named by a DNS name, else `static`."""
    export_to: Many[str] | None = None
    subject_alt_names: Many[str] | None = None


class Join(Model):
    """How a machine of the group finds the mesh: what is written into the files that it is started with.

    The files (`vm/<namespace>/<name>/` beside the Istio output) are `cluster.env`, `mesh.yaml` and `hosts`, as
    `istioctl x workload entry configure` would write them, and a README with the commands for what only the cluster can give: the
    root certificate and a token.
    """

    control_plane: IpAddress | None = None
    """The IP at which the machine reaches istiod: that of the east-west gateway which exposes it. Fills `hosts`."""
    revision: str | None = None
    """The control plane's revision, where it is not the default one."""
    dns_proxy: bool | None = None
    """Whether the agent answers the machine's DNS questions about hosts of the mesh; it does where absent."""
    internal_ip: IpAddress | None = None
    """The machine's own address, where the agent cannot find it; for a group of one machine."""
    external_ip: IpAddress | None = None
    """The address by which others reach the machine, where it does not know it; for a group of one machine."""
    environment: dict[str, str] | None = None
    """More variables for the agent, such as `ISTIO_AGENT_FLAGS` or `PROXY_CONFIG`; and `ISTIO_META_…` of the proxy."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.internal_ip is not None and self.external_ip is not None:
            raise broken("a machine joins with an `internalIp` or an `externalIp`, not both", kind="exclusive")
        return self


class MachineTemplate(Model):
    """What all machines of the group have in common (Istio: `metadata` and `template`)."""

    labels: Labels | None = None
    """The labels of each machine, by which Services and policies select it (Istio: `metadata.labels`)."""
    annotations: Labels | None = None
    """Annotations of each machine's WorkloadEntry (Istio: `metadata.annotations`)."""
    service_account: str | None = None
    """The identity of the machines; `default` where absent."""
    ports: dict[str, PortNumber] | None = None
    """The ports of the application by name; all others go past the proxy where some are named."""
    network: str | None = None
    """The network that the machines are on; another one than the cluster's is reached through an east-west gateway."""
    locality: str | None = None
    """`region/zone/subzone`."""
    weight: Weight | None = None
    entry_labels: Labels | None = None
    """Istio's `template.labels`, which go before `labels`; for groups that were written so."""
    address: str | None = None
    """Istio's `template.address`, which means nothing in a group of several."""


class VirtualMachines(Intent):
    """A group of workloads outside Kubernetes, all alike: a deployment of machines.

    Gives a WorkloadGroup, a WorkloadEntry for each of `addresses`, a ServiceEntry for `service`, and the files with which a
    machine joins. A Service of the namespace whose selector fits the template's labels has the machines among its endpoints.
    """

    KIND: ClassVar[str] = "VirtualMachines"

    template: MachineTemplate = Field(default_factory=MachineTemplate)
    probe: Probe | None = None
    addresses: Annotated[Many[Machine], LIST] | None = None
    """The machines that do not register themselves."""
    auto_register: bool | None = None
    """Whether a machine makes its own WorkloadEntry when it joins."""
    service: MachineService | None = None
    join: Join | None = None

    if TYPE_CHECKING:

        def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None: ...  # noqa: ANN401 (a user's values)

    @property
    def machine_labels(self) -> Labels:
        """The labels of each machine; Istio's `template.labels` go before those of its `metadata`."""
        return {**(self.template.labels or {}), **(self.template.entry_labels or {})}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.service is not None and not self.machine_labels:
            raise broken(
                "a `service` finds the machines by their labels, and there are none",
                help=f"add labels, as in `template: {{labels: {{app: {self.metadata.name}}}}}`",
                kind="missing",
                at="service",
            )
        named = [entry_name(self.metadata.name, machine) for machine in self.addresses or ()]
        for index, name in enumerate(named):
            if name in named[:index]:
                raise broken(
                    f"two machines give the WorkloadEntry `{name}`", help="give one a `name`", kind="value", at="addresses"
                )
        for machine in self.addresses or ():
            if machine.address is None and machine.network is None and self.template.network is None:
                message = f"machine `{machine.name}` has neither an `address` nor a `network`"
                raise broken(message, help="write the address", kind="missing", at="addresses")
        return self


def entry_name(group: str, machine: Machine) -> str:
    """The name of a machine's WorkloadEntry: its own, else the group's and the address.

    >>> entry_name("forum", Machine(address="10.0.0.5"))
    'forum-10-0-0-5'
    """
    if machine.name is not None:
        return machine.name
    address = re.sub(r"[^a-z0-9]+", "-", (machine.address or "").lower().removeprefix("unix://")).strip("-")
    return f"{group}-{address}"[:253].rstrip("-")
