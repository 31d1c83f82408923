"""Routers: how shares of the traffic are given to versions."""
