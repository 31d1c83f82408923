"""Kubernetes: a narrow client, the manifests of a version, and what the cluster says about them."""
