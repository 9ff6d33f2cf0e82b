"""Intent to Istio objects, one module a kind; `rules.py` merges the routes, canaries and mirrors of a host."""
