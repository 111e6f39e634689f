"""Logs, Prometheus metrics and OpenTelemetry traces. Metrics and traces are off by default; only traces can contain conversations, on request.
Imports: `chat.config`, `chat.calls`, `chat.budgets`. `examples/` has a Grafana dashboard and alert rules.
"""
