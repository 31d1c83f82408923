"""Where records go: one file a sink."""
