"""Envoy's filters, one module a filter: small functions from the mesh to plain JSON."""
