"""Sources of metrics: what the two arms of a rollout did, window by window, or why it cannot be told."""
