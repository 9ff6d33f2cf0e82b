"""An ADS server for one developer's machine: what Envoys beside it get, and in which order.

`snapshots.py` and `ordering.py` are the protocol without I/O; `messages.py` speaks Envoy's protos, `server.py` gRPC, `watch.py`
looks at the sources, `blame.py` finds the lines that Envoy refused, and `service.py` joins them.
"""
