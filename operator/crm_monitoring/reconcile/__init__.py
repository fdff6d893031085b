"""One pass over one key: compile, compare, apply, prune, tell."""
