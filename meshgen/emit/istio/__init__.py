"""Istio objects as artifacts: plain JSON values in a stable order."""
