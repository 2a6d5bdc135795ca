"""What the reference services share: small modules an agency may copy one by one. It is not a framework."""
