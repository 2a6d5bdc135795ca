"""The smallest service: citizens draw a number for a counter and see their own. Copy it: docs/new-service.md."""
