"""What tests and demos of the operator on a real cluster stand on; it knows nothing of the operator's code."""
