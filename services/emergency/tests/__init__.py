"""The promises of 112, shown."""
