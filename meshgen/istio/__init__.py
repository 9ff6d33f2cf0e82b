"""The Istio API as types, one module a kind, generated from Istio's CRDs; and what belongs to it: kinds, objects, hosts, MeshConfig."""
