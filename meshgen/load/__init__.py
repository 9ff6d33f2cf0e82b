"""Sources become a `Workspace`: files, standard input, a git revision and Python programs, read once, each value with its origin."""
