"""Rules MG04xx: who may do what."""
