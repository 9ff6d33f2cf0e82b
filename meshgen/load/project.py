"""`meshgen.yaml`: where the sources are, what the environments change, and what is written for whom."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from meshgen.diagnostics import Diagnostic, JsonPath, Origin, did_you_mean
from meshgen.diagnostics.catalogue.envoy_versions import UNKNOWN_ENVOY
from meshgen.diagnostics.catalogue.project import INVALID_PROJECT, UNKNOWN_ENVIRONMENT, UNKNOWN_PROJECT_FIELD, UNKNOWN_TARGET
from meshgen.envoy_version import EnvoyVersion, envoy_of_istio, nearest_envoy, parse_envoy_version
from meshgen.istio.versions import DEFAULT_TARGET, NEWEST, OLDEST, IstioVersion, is_known, parse_version
from meshgen.load.document import Document
from meshgen.load.yaml import parse_documents
from meshgen.values import is_dns_label

PROJECT_FILE = "meshgen.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


def _inside(path: str) -> str:
    """A path that stays in the project's directory, in its plainest form."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts:
        raise ValueError("a path has to stay inside of the project's directory")
    return "/".join(parts)


InsidePath = Annotated[str, AfterValidator(_inside)]
"""Relative to the directory of meshgen.yaml, with `/`; `""` is that directory."""


def _name(text: str) -> str:
    if not is_dns_label(text):
        raise ValueError("a name is lower case letters, digits and `-`, at most 63 characters")
    return text


Name = Annotated[str, AfterValidator(_name)]


class Source(_Model):
    """A file, a directory with all its `.yaml`, `.yml`, `.json` and `.py` files, or a pattern (`*`, `?`, `**`)."""

    path: InsidePath
    templated: bool = False  # Jinja2, in a sandbox, before it is read as YAML


def _short_source(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


SourceEntry = Annotated[Source, BeforeValidator(_short_source, json_schema_input_type=str | Source)]


class Environment(_Model):
    """What differs from the base: documents that patch or add, and variables for Python and templated sources."""

    overlays: list[SourceEntry] = Field(default_factory=list)
    vars: dict[str, JsonValue] = Field(default_factory=dict)


class ArgoCd(_Model):
    """An Argo CD `Application` beside the output (argoproj.io/v1alpha1)."""

    repository: str  # repoURL
    revision: str = "HEAD"  # targetRevision
    path: InsidePath | None = None  # of the output in that repository; the output's directory by default
    name: Name | None = None
    project: str = "default"
    server: str = "https://kubernetes.default.svc"
    namespace: Name = "argocd"


class Flux(_Model):
    """A Flux `GitRepository` and its `Kustomization` beside the output (kustomize.toolkit.fluxcd.io/v1)."""

    repository: str  # the GitRepository's url
    revision: str | None = None  # a branch, `refs/tags/<tag>` or a commit; `REPLACE-ME` where it is not said
    path: InsidePath | None = None  # of the output in that repository; the output's directory by default
    name: Name | None = None
    namespace: Name = "flux-system"
    interval: str = "10m"
    prune: bool = True


class Deliver(_Model):
    """Who brings the output to a cluster."""

    argocd: ArgoCd | None = None
    flux: Flux | None = None


class IstioOutput(_Model):
    """Istio objects as YAML."""

    directory: InsidePath = "out/istio"
    layout: Literal["service", "namespace", "kind", "single"] = "service"
    kustomization: bool = True
    deliver: Deliver = Field(default_factory=Deliver)


class AdsTls(_Model):
    """TLS between Envoy and the control plane, by files: `<certificates>/<credential>/{ca.crt,tls.crt,tls.key}`."""

    mode: Literal["SIMPLE", "MUTUAL"] = "SIMPLE"  # MUTUAL: Envoy shows a certificate, too
    credential: Name
    server_name: str | None = None  # the SNI, and the name in the control plane's certificate; its address by default


class Ads(_Model):
    """The control plane that `delivery: ads` asks for everything: where it is, and what it is told of the proxy."""

    address: Annotated[str, Field(min_length=1)]  # a host or an IP address
    port: int = Field(ge=1, le=65535)
    api_type: Literal["DELTA_GRPC", "GRPC"] = "DELTA_GRPC"
    tls: AdsTls | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)  # of the node, over what meshgen says there


class ConfigMaps(_Model):
    """For `delivery: configmap`: who applies the ConfigMaps, and how Pods run Envoy."""

    released: str = "HEAD"  # the git revision of the output that the fleet runs: what is safe next follows from it
    kustomization: bool = True
    deliver: Deliver = Field(default_factory=Deliver)
    image: str | None = None  # that Pods run; by default Envoy's own of `targets.envoy`
    gateway_replicas: int | None = Field(default=None, ge=1)  # writes a Deployment and a Service for each gateway


class EnvoyOutput(_Model):
    """Envoy bootstraps and xDS resources as JSON, one directory a proxy."""

    directory: InsidePath = "out/envoy"
    delivery: Literal["static", "filesystem", "configmap", "ads"] = "static"
    config_maps: ConfigMaps = Field(default_factory=ConfigMaps)  # for configmap delivery
    ads: Ads | None = None  # for ads delivery, which needs it
    root: str = "/etc/meshgen/envoy"  # where this tree will be on the machine that runs Envoy, for filesystem delivery
    certificates: str = "/etc/meshgen/certificates"  # `<credential>/tls.crt`, `workload/cert-chain.pem` … on that machine
    admin_port: int = Field(default=15000, ge=0, le=65535)  # of Envoy's admin interface, on 127.0.0.1; 0 for none

    @model_validator(mode="after")
    def _ads_goes_with_its_delivery(self) -> Self:
        if self.delivery == "ads" and self.ads is None:
            raise ValueError("`delivery: ads` needs the control plane: `ads: {address: xds.example, port: 18000}`")
        if self.delivery != "ads" and self.ads is not None:
            raise ValueError("`ads` says where a control plane is, which only `delivery: ads` asks")
        if self.delivery != "configmap" and "config_maps" in self.model_fields_set:
            raise ValueError("`configMaps` says how ConfigMaps reach Pods, which only `delivery: configmap` writes")
        return self


class Outputs(_Model):
    """What is written. Where nothing is said, Istio objects; Envoy configuration where `targets.proxies` names proxies."""

    istio: IstioOutput | None = Field(default_factory=IstioOutput)
    envoy: EnvoyOutput | None = None


_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_QUANTITY = re.compile(r"([0-9]+)(|Ki|Mi|Gi|Ti|k|M|G|T)")


def _quantity(text: str) -> str:
    if _QUANTITY.fullmatch(text) is None:
        raise ValueError("memory is a whole number with a unit, as `512Mi` or `2Gi`")
    return text


class ProxyLimits(_Model):
    """What one Envoy may take before it turns requests and connections away; an edge without says 1Gi and 50000."""

    memory: Annotated[str, AfterValidator(_quantity)] | None = None  # of its heap
    connections: int = Field(default=0, ge=0, le=4294967295)  # from clients, open at once

    @property
    def bytes(self) -> int:
        """The memory in bytes; 0 where nothing is said."""
        found = _QUANTITY.fullmatch(self.memory or "")
        return int(found[1]) * _UNITS[found[2]] if found else 0


def _role(value: object) -> object:
    return "ingress" if value == "gateway" else value


ProxyRole = Annotated[
    Literal["sidecar", "ingress", "egress", "eastWest", "edge"],
    BeforeValidator(_role, json_schema_input_type=Literal["sidecar", "gateway", "ingress", "egress", "eastWest", "edge"]),
]
"""`gateway` is another word for `ingress`."""


class ProxyTarget(_Model):
    """One proxy to compile to Envoy."""

    name: Name
    namespace: Name = "default"
    role: ProxyRole = "sidecar"  # `edge`: an Envoy before services without Istio
    labels: dict[str, str] = Field(default_factory=dict)
    service_account: Name = "default"
    locality: str = ""  # region/zone/subzone
    network: str = ""  # of a mesh of several networks
    ip: str = ""
    limits: ProxyLimits = Field(default_factory=ProxyLimits)
    bind: Literal["iptables", "loopback"] = "iptables"  # how connections reach a sidecar


def _version(text: str) -> str:
    version = parse_version(text)
    if version is None:
        raise ValueError("a version is two or three numbers, as `1.31` or `1.31.0`; write it in quotes")
    if not is_known(version):
        raise PydanticCustomError("unknown_target", "meshgen does not know Istio {release}", {"release": version.release})
    return str(version)


Version = Annotated[str, AfterValidator(_version)]


def _envoy_version(text: str) -> str:
    version = parse_envoy_version(text)
    if version is None:
        raise ValueError("a version is two or three numbers, as `1.40` or `1.40.0`; write it in quotes")
    nearest = nearest_envoy(version)
    if nearest != version:
        context = {"release": version.release, "nearest": nearest.release}
        raise PydanticCustomError("unknown_envoy", "meshgen does not know Envoy {release}", context)
    return str(version)


EnvoyRelease = Annotated[str, AfterValidator(_envoy_version)]


class Targets(_Model):
    """The versions and the proxies that the output is made for."""

    istio: Version = str(DEFAULT_TARGET)  # which kinds and fields there are; what `proxyVersion` is compared with
    envoy: EnvoyRelease | None = None  # the Envoys that read the Envoy output; by default those that this Istio carries
    proxies: list[ProxyTarget] = Field(default_factory=list)

    @property
    def version(self) -> IstioVersion:
        """The release of Istio, to compare."""
        return parse_version(self.istio) or DEFAULT_TARGET

    @property
    def envoy_version(self) -> EnvoyVersion:
        """The release of Envoy, to compare: the one that is named, else the one that the release of Istio carries."""
        named = parse_envoy_version(self.envoy) if self.envoy is not None else None
        return named or envoy_of_istio(self.version)


class Assertion(_Model):
    """What `meshgen query --assertions` holds the mesh to: a question, and who alone its answer may name."""

    query: str  # `callers payments`, `who can call payments?`, `plaintext`
    only: list[str] = Field(default_factory=list)  # names or patterns (`shop/*`); nobody where it is empty


class Defaults(_Model):
    """What a resource has that does not say so itself."""

    namespace: Name = "default"


class Project(_Model):
    """The `spec` of `kind: Project`."""

    sources: list[SourceEntry] = Field(default_factory=lambda: [Source(path="mesh")])
    environments: dict[str, Environment] = Field(default_factory=dict)
    outputs: Outputs = Field(default_factory=Outputs)
    targets: Targets = Field(default_factory=Targets)
    defaults: Defaults = Field(default_factory=Defaults)
    assertions: list[Assertion] = Field(default_factory=list)

    @property
    def output_directories(self) -> tuple[str, ...]:
        """What is never read as a source."""
        outputs = (self.outputs.istio, self.outputs.envoy)
        return tuple(output.directory for output in outputs if output is not None and output.directory)

    def environment(self, name: str | None, origin: Origin) -> tuple[Environment, tuple[Diagnostic, ...]]:
        """The environment of this name; without a name, one that changes nothing. `origin` is the project file's."""
        if name is None:
            return Environment(), ()
        found = self.environments.get(name)
        if found is not None:
            return found, ()
        known = ", ".join(f"`{known}`" for known in sorted(self.environments)) or "none"
        hint = did_you_mean(name, self.environments) or f"the project has {known}"
        message = f"the project has no environment `{name}`"
        return Environment(), (UNKNOWN_ENVIRONMENT.at(origin.at("spec", "environments"), message, help=hint),)


class _ProjectDocument(_Model):
    api_version: Literal["meshgen/v1"]
    kind: Literal["Project"]
    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: Project = Field(default_factory=Project)


def project_schema() -> dict[str, Any]:
    """The JSON Schema of the project file, with what it refers to under `$defs`."""
    return _ProjectDocument.model_json_schema()


def find_project(start: Path) -> Path | None:
    """The nearest `meshgen.yaml` in a directory or above it."""
    here = start.resolve()
    candidates = (directory / PROJECT_FILE for directory in (here, *here.parents))
    return next((path for path in candidates if path.is_file()), None)


def parse_project(text: bytes, file: str = PROJECT_FILE) -> tuple[Project | None, tuple[Diagnostic, ...]]:
    """The project of a file, or every reason why it is none; never raises for a text."""
    documents, diagnostics = parse_documents(text, file)
    if any(diagnostic.severity == "error" for diagnostic in diagnostics):
        return None, diagnostics
    if len(documents) != 1:
        message = f"the project file holds {len(documents)} documents, not one"
        place = documents[1].origin if documents else Origin(file)
        return None, (*diagnostics, INVALID_PROJECT.at(place, message, help="one document of `kind: Project`"))
    try:
        return _ProjectDocument.model_validate(documents[0].value).spec, diagnostics
    except ValidationError as error:
        return None, (*diagnostics, *_findings(error, documents[0]))


def _findings(error: ValidationError, document: Document) -> Iterator[Diagnostic]:
    for found in error.errors(include_url=False):
        path: JsonPath = tuple(part for part in found["loc"] if part != "[key]")
        origin = document.origin_of(*path)
        field = str(path[-1]) if path else "the document"
        if found["type"] == "extra_forbidden":
            hint = did_you_mean(field, _fields(path[:-1]))
            yield UNKNOWN_PROJECT_FIELD.at(origin, f"there is no field `{field}` here", help=hint)
        elif found["type"] == "missing":
            yield INVALID_PROJECT.at(origin, f"the field `{field}` is missing")
        elif found["type"] == "unknown_target":
            hint = f'write a release from "{OLDEST.release}" to "{NEWEST.release}"'
            yield UNKNOWN_TARGET.at(origin, found["msg"], help=hint)
        elif found["type"] == "unknown_envoy":
            yield UNKNOWN_ENVOY.at(origin, found["msg"], help=f'write `"{found["ctx"]["nearest"]}"`, the nearest that it knows')
        else:
            yield INVALID_PROJECT.at(origin, f"`{field}`: {_message(found['msg'], found.get('ctx', {}))}")


def _message(message: str, context: Mapping[str, Any]) -> str:
    """Pydantic's sentence in our style: lower case, identifiers in backticks."""
    if "error" in context:
        return str(context["error"])
    text = re.sub(r"should be a valid dictionary.*", "must be a map", message[:1].lower() + message[1:])
    return re.sub(r"'([^']*)'", r"`\1`", text).removeprefix("input ")


def _fields(path: JsonPath) -> list[str]:
    """The fields that exist at a path, for did-you-mean."""
    annotation: Any = _ProjectDocument
    for part in path:
        annotation = _step(_plain_type(annotation), part)
    model = _plain_type(annotation)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _step(annotation: Any, part: str | int) -> Any:  # noqa: ANN401 - type expressions
    """The type of a field, of a list's items or of a map's values."""
    if get_origin(annotation) in {list, dict}:
        return get_args(annotation)[-1]
    fields = annotation.model_fields.values() if isinstance(annotation, type) and issubclass(annotation, BaseModel) else ()
    return next((field.annotation for field in fields if field.alias == part), None)


def _plain_type(annotation: Any) -> Any:  # noqa: ANN401 - type expressions
    """The type inside of `X | None` and `Annotated[X, …]`."""
    while get_origin(annotation) in {Annotated, Union, UnionType}:
        annotation = get_args(annotation)[0]
    return annotation
