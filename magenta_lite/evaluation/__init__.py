"""Numbers about models and about music."""
