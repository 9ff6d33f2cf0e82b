"""A traced request on one line."""

from __future__ import annotations

import shlex

from meshgen.trace import Request


def request_line(request: Request) -> str:
    """`GET https://shop.example.com/api x-cohort: internal as shop/webapp`: what somebody needs to send it again."""
    scheme = "https" if request.is_tls else "http"
    if not request.is_http:
        return f"a {request.protocol} connection to port {request.port}"
    default = {"http": 80, "https": 443}[scheme]
    port = "" if request.port == default or ":" in request.host else f":{request.port}"
    parts = [request.method, f"{scheme}://{request.host}{port}{request.path}"]
    parts += [shlex.quote(f"{name}: {value}") for name, value in request.headers]
    if request.principal:
        parts.append(f"as {request.principal}")
    return " ".join(parts)
