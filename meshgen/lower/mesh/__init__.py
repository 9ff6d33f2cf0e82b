"""The Mesh: MeshConfig, the mesh-wide objects, bounds, and how Istio is installed."""
