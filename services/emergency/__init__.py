"""112: emergencies reported without a login, and what the operators make of them."""
