"""Is all well? Traffic, errors, latency and upstreams at a glance; the other three dashboards say why."""

from grafana import (
    GREEN, INSTANCE, RED, ROUTE, SERVER, YELLOW, Dashboard, Row, graph, number, quantiles, states, steps,
)

FAILED = 'sum(rate(vordr_http_requests_total{@route,code=~"5.."}[@rate]))'
ALL = "sum(rate(vordr_http_requests_total{@route}[@rate]))"

NOW = Row("Now", [
    number(
        "Requests", "reqps",
        "Requests answered in a second, those that vordr answered itself included.",
        {"requests": ALL},
    ),
    number(
        "Failed answers", "percentunit",
        "The share of answers with a status of 500 or more: the upstream failed, or could not be reached.",
        {"failed": f"({FAILED} or vector(0)) / {ALL}"},
        steps(GREEN, (0.01, YELLOW), (0.05, RED)), decimals=1,
    ),
    number(
        "Duration", "s",
        "95 of 100 requests are answered whole within this time. WebSockets and event streams do not count: they "
        "last as long as both sides like.",
        {"95 %": "histogram_quantile(0.95, "
                 "sum by (le) (rate(vordr_http_request_duration_seconds_bucket{@route}[@rate])))"},
        steps(GREEN, (1, YELLOW), (5, RED)),
    ),
    number(
        "Open streams", "none",
        "WebSockets and event streams that are open now.",
        {"WebSockets": "sum(vordr_websocket_connections_active{@route})",
         "event streams": "sum(vordr_event_streams_active{@route})"},
    ),
    number(
        "Servers down", "none",
        "Servers of upstreams that cannot be asked now. The dashboard Upstreams names them.",
        {"down": "count(vordr_upstream_up{@instance} == 0) or vector(0)"},
        steps(GREEN, (1, RED)),
    ),
    number(
        "Rules", "none",
        "Whether the rules were taken in when they were loaded last. If not, vordr goes on with those it had, and "
        "the error log and /status say what is wrong.",
        {"last load": "min(vordr_config_last_reload_successful{@instance})"},
        steps(RED, (1, GREEN)),
        mappings=[{"type": "value", "options": {"0": {"text": "refused"}, "1": {"text": "in force"}}}],
    ),
])

TRAFFIC = Row("Traffic", [
    graph(
        "Requests by status", "reqps",
        "200 to 399 is well; 400 to 499 is the client's doing or a refusal; 500 and more is a failure. A WebSocket "
        "counts when it ends, as 101.",
        {"{{code}}": "sum by (code) (rate(vordr_http_requests_total{@route}[@rate]))"}, stacked=True,
    ),
    graph(
        "Requests by route", "reqps",
        "A route is a `location` of the rules, as it is written there. _other is what matched none.",
        {"{{server}} {{route}}": "sum by (server, route) (rate(vordr_http_requests_total{@route}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Bodies", "Bps",
        "Bytes of bodies in a second, without heads. WebSockets are on their own dashboard.",
        {"from clients": "sum(rate(vordr_http_request_bytes_total{@route}[@rate]))",
         "to clients": "sum(rate(vordr_http_response_bytes_total{@route}[@rate]))"},
    ),
])

ERRORS = Row("Errors", [
    graph(
        "Failed answers by route", "percentunit",
        "The share of a route's answers with a status of 500 or more.",
        {"{{server}} {{route}}":
            'sum by (server, route) (rate(vordr_http_requests_total{@route,code=~"5.."}[@rate])) / '
            "sum by (server, route) (rate(vordr_http_requests_total{@route}[@rate]))"},
        max=1,
    ),
    graph(
        "Refused by vordr", "reqps",
        "Requests that vordr refused by its rules, and why: no_route (no location fits), address (deny), body_limit, "
        "bad_request (not HTTP), header_timeout and so on.",
        {"{{reason}}": "sum by (reason) (rate(vordr_http_rejected_total{@route}[@rate]))"}, stacked=True,
    ),
    graph(
        "Upstream errors", "reqps",
        "Attempts to reach an upstream that failed, and why: refused (nobody listens), connect_timeout, read_timeout, "
        "reset, early_close, dns, tls.",
        {"{{upstream}}: {{reason}}": "sum by (upstream, reason) (rate(vordr_upstream_errors_total{@instance}[@rate]))"},
        stacked=True,
    ),
])

LATENCY = Row("Latency", [
    graph(
        "Duration", "s",
        "From the first byte of a request to the last byte of its answer; without WebSockets and event streams.",
        quantiles("vordr_http_request_duration_seconds", "@route"),
    ),
    graph(
        "Time to the first byte", "s",
        "From the first byte of a request to the first byte of its answer: what the upstream needs to think. A long "
        "duration with a short time to the first byte is a large answer or a slow client.",
        quantiles("vordr_http_time_to_first_byte_seconds", "@route"),
    ),
    graph(
        "Duration by route", "s",
        "95 of 100 requests of a route are answered whole within this time.",
        {"{{server}} {{route}}":
            "histogram_quantile(0.95, sum by (le, server, route) "
            "(rate(vordr_http_request_duration_seconds_bucket{@route}[@rate])))"},
    ),
])

HEALTH = Row("Under way, and upstreams", [
    graph(
        "Requests under way", "none",
        "Requests that are not answered yet, open streams included. A line that only climbs is an upstream that no "
        "longer answers.",
        {"{{server}} {{route}}": "sum by (server, route) (vordr_http_requests_in_flight{@route})"}, stacked=True,
    ),
    states(
        "Upstreams",
        "Whether each server of each upstream may be asked.",
        {"{{upstream}}: {{peer}}": "min by (upstream, peer) (vordr_upstream_up{@instance})"},
        {0: ("down", RED), 1: ("up", GREEN)},
    ).wide(16),
])

OVERVIEW = Dashboard(
    "overview", "vordr: overview", "Is all well? Traffic, errors, latency and upstreams at a glance.",
    [INSTANCE, SERVER, ROUTE],
    [NOW, TRAFFIC, ERRORS, LATENCY, HEALTH],
)
