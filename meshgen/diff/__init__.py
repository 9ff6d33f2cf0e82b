"""What differs between two results: objects and fields, a live cluster, a running Envoy, and the requests whose fate changes."""
