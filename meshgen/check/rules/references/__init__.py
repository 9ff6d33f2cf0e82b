"""Rules MG01xx: names that lead nowhere, two objects over one thing."""
