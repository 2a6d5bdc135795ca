"""The parsers of gateway/wire: tables of single faults, and properties."""
