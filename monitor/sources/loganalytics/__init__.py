"""Log Analytics: a workspace that is asked KQL, and the log sources in it."""
