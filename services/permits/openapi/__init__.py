"""The service's OpenAPI 3.1 document, one file for each group of people it serves."""
