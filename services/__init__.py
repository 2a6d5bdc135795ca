"""The city's reference services: each its own process and database, none aware of the gateway's code."""
