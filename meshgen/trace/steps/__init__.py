"""The steps of a request through Envoy, one module each, in Envoy's order."""
