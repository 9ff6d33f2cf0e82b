"""Sources become a `Workspace`: files, standard input, a git revision and Python programs, each value with its origin."""
