"""What all kinds have in common: the document's shape, metadata, patches."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from meshgen.intent.leaves import DnsLabel, Labels, ObjectName
from meshgen.intent.model import IntentError, Many, Model, construct
from meshgen.intent.shorts import LIST, NOT_EMPTY
from meshgen.json import JsonValue

API_VERSION = "meshgen/v1"


class Metadata(Model):
    """`metadata`. Labels and annotations are carried to every object that is made of the intent."""

    name: ObjectName
    namespace: ObjectName = "default"
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    clusters: Annotated[Many[DnsLabel], NOT_EMPTY, LIST] | None = None
    """The clusters of the Mesh in which this holds; all of them where absent.

    Documents that are no intents say it in the annotation `meshgen/clusters: west, east`.
    """


class Patch(Model):
    """A JSON merge patch (RFC 7396) on one object that is made of the intent, for what the intent has no word for.

    The patched object is checked against Istio's API. `name` chooses among several objects of the kind.
    """

    kind: str
    name: str | None = None
    patch: dict[str, Any]


class Intent(Model):
    """A kind of the intent language: a document with its fields under `spec`, or in Python `Kind("name", …)`."""

    KIND: ClassVar[str] = ""

    metadata: Metadata
    patches: Many[Patch] | None = None
    """JSON merge patches on the objects that are made of this."""
    names: dict[str, ObjectName] | None = None
    """Names of the objects that are made of this, where they do not follow from its own: `{DestinationRule: catalog-dr}`; of
    several of a kind, by the kind and the name that it would have: `{AuthorizationPolicy/catalog-deny: no-writes}`."""

    def __init__(self, name: str, /, *, namespace: str = "default", **spec: Any) -> None:  # noqa: ANN401 (a user's values)
        if "metadata" in spec:
            raise IntentError(f"`{type(self).__name__}` takes the name first and `namespace`, `labels` and `annotations` by name")
        own = () if "clusters" in type(self).model_fields else ("clusters",)
        metadata = {key: spec.pop(key) for key in ("labels", "annotations", *own) if key in spec}
        construct(self, {"metadata": {"name": name, "namespace": namespace, **metadata}, **spec})

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # as in model.py

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, `default` where absent."""
        return self.metadata.namespace

    def name_of(self, kind: str, derived: str) -> str:
        """The name of an object that is made of this: the one stated under `names`, else the one that follows."""
        names = self.names
        return names.get(f"{kind}/{derived}", names.get(kind, derived)) if names else derived

    def to_document(self, *, short: bool = False) -> dict[str, JsonValue]:
        """The document that says this: every field that was given, in the model's order, in long or short forms."""
        from meshgen.intent.document import to_document  # noqa: PLC0415 (only where intent is printed)

        return to_document(self, short=short)
