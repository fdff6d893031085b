"""A small CRM communication service that is monitored as a real one would be; its providers are simulated."""

VERSION = "2.0.0"
