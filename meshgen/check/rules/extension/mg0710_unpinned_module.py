"""MG0710: a Wasm module that may be another one tomorrow."""

from __future__ import annotations

from collections.abc import Iterator

from meshgen.check.context import Context
from meshgen.check.rule import Answer, Rule
from meshgen.diagnostics import Origin
from meshgen.diagnostics.catalogue.extension import UNPINNED_MODULE
from meshgen.istio.traffic_extension import TrafficExtension, WasmConfig
from meshgen.istio.wasm_plugin import WasmPlugin


def find(context: Context) -> Iterator[Answer]:
    """Modules from registries and web servers without a digest; a file in the proxy is the image's affair."""
    for extension in context.mesh.of_kind(TrafficExtension):
        if extension.spec.wasm is not None and not _is_pinned(extension.spec.wasm):
            yield _finding(extension.spec.wasm, extension.origin_of("spec", "wasm", "url"))
    for plugin in context.mesh.of_kind(WasmPlugin):
        if not _is_pinned(plugin.spec):
            yield _finding(plugin.spec, plugin.origin_of("spec", "url"))


def _is_pinned(module: WasmConfig | WasmPlugin) -> bool:
    return module.url.startswith("file://") or bool(module.sha256) or "@sha256:" in module.url


def _finding(module: WasmConfig | WasmPlugin, origin: Origin) -> Answer:
    image = not module.url.startswith(("http://", "https://"))
    hint = "write the digest, `image@sha256:…`, or `sha256`" if image else "write its `sha256`"
    message = f"the module `{module.url}` is not pinned, and may be another one tomorrow"
    return UNPINNED_MODULE.at(origin, message, help=hint)


RULE = Rule(code=UNPINNED_MODULE, find=find)
