"""What may be watched from outside: metrics for Prometheus and traces for OpenTelemetry. Off unless asked for, and never with what people say.

watch ........ what there is to be told: calls, turns, streams; with nobody watching it does nothing
start ........ what is asked for is started, and only then is its library loaded
prometheus ... the figures behind `/metrics`
otel ......... spans and metrics with the GenAI semantic conventions
examples/ .... a Grafana dashboard and alert rules for these figures: `palaver monitoring`
"""
