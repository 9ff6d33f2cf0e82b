"""The Istio API as types, one module a kind, generated from Istio's CRDs; with kinds, objects, hosts and MeshConfig."""
