"""HTTP headers of predictions."""

VERSION_HEADER = "x-modelrollout-version"
"""Of a response: `name:version` of the Bento that answered."""
