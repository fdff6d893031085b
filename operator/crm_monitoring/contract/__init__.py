"""The metric and alert contract: data without behaviour, shared by operator and application."""
