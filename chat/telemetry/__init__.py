"""Logs, Prometheus metrics and OpenTelemetry traces. Metrics and traces are off unless asked for, and never carry what people say.
Imports: `chat.config`, `chat.calls`, `chat.budgets`. `examples/` has a Grafana dashboard and alert rules.
"""
