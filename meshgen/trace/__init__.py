"""The request simulator: Envoy configuration and a request give a `Decision`, step by step.

It reads Envoy configuration, whoever wrote it: ours, istiod's, a live admin `/config_dump`, a static bootstrap.
"""

from meshgen.trace.config import EnvoyConfig
from meshgen.trace.decision import Decision, Outcome, Step
from meshgen.trace.engine import trace
from meshgen.trace.render import to_json
from meshgen.trace.request import Capture, Request

__all__ = ["Capture", "Decision", "EnvoyConfig", "Outcome", "Request", "Step", "to_json", "trace"]
