"""Golden-file tests, for meshgen's own repository and for users' repositories."""
