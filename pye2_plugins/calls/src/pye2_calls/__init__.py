"""Calls of functions on pye2 nodes: submit, map, executors."""
