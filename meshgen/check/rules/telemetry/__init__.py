"""Rules MG07xx: metrics, logs, traces, and extensions."""
