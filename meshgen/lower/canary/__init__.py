"""Canaries whose weights an engine moves: Flagger, Argo Rollouts; and sticky ones."""
