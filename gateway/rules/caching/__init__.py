"""The rules of a shared HTTP cache (RFC 9111, 5861, 8246, 9211, 9213): pure decisions, no I/O, time is an argument.

Start reading at `decide`: `lookup` judges a request, `on_head` the agency's answer, `on_error` its silence.
"""
