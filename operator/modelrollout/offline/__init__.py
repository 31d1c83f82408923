"""The operator without a cluster: manifests checked, rollouts planned, and what was recorded judged again."""
