"""Promises of the permits service."""
