"""Rules MG03xx: routes and splits."""
