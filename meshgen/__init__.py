"""meshgen: a declarative GitOps configuration compiler for service meshes."""
