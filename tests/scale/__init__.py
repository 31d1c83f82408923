"""What many rollouts at a time cost, on a real API server with pods and gateways that are simulated."""
