"""Diagnostics, changes and decisions as text for people and for machines: values in, text out, nothing else."""
