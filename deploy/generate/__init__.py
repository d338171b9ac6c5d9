"""What of `deploy/` is made from something else: the dashboard from its panels, Kubernetes' rules from Prometheus's."""
