"""Agreement, diagnostic accuracy and detection recall."""
