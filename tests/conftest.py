"""What all tests share: Hypothesis looks for the same examples in every CI run, and for new ones on a developer's machine."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, database=None, print_blob=True)
# Envoy's detector of OpenTelemetry resources warns where there is none.
os.environ.setdefault("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=tests")
settings.load_profile("ci" if os.environ.get("CI") else "default")
