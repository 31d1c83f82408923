"""Prometheus: the queries, the answers, and every way in which there is none."""
