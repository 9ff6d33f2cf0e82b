"""Rules MG05xx: listeners of gateways."""
