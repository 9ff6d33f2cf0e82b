"""From artifacts to a tree on disk: layout, safe writing, and the documents that Argo CD and Flux take it by."""
