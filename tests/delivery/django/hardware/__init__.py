"""Homes, their devices, what these record, and the tasks about it."""
