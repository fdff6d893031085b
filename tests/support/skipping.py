"""How a test says that something real was not there."""

NOT_TESTED = "real component missing: "
"""What the reason of such a skip begins with: the end of the run lists them in a section of its own."""
