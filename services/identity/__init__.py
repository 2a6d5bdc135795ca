"""The city's identity service: accounts, sign-in, sessions, and the tokens the gateway believes."""
