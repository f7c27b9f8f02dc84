"""Which upstreams are up, how fast they answer, and what goes wrong on the way to them."""

from grafana import (
    GREEN, INSTANCE, RED, UPSTREAM, YELLOW, Dashboard, Row, graph, number, quantiles, states, steps,
)

ANSWERED = "sum(rate(vordr_upstream_requests_total{@upstream}[@rate]))"
ERRORS = "sum(rate(vordr_upstream_errors_total{@upstream}[@rate]))"

NOW = Row("Now", [
    number(
        "Servers", "none", "Servers of upstreams that may be asked, and those that may not.",
        {"up": "count(vordr_upstream_up{@upstream} == 1) or vector(0)",
         "down": "count(vordr_upstream_up{@upstream} == 0) or vector(0)"},
    ),
    number(
        "Answers", "reqps", "Answers that upstreams gave in a second, whatever their status.",
        {"answers": ANSWERED},
    ),
    number(
        "Failed attempts", "percentunit",
        "The share of attempts to have an answer that failed: refused, too slow, broken off, not resolved.",
        {"failed": f"({ERRORS} or vector(0)) / (({ERRORS} or vector(0)) + {ANSWERED})"},
        steps(GREEN, (0.01, YELLOW), (0.05, RED)), decimals=1,
    ),
    number(
        "Time to answer", "s", "95 of 100 answers begin within this time.",
        {"95 %": "histogram_quantile(0.95, "
                 "sum by (le) (rate(vordr_upstream_request_duration_seconds_bucket{@upstream}[@rate])))"},
        steps(GREEN, (1, YELLOW), (5, RED)),
    ),
    number(
        "Connections in use", "none", "Connections to upstreams that carry a request or a stream now.",
        {"in use": "sum(vordr_upstream_connections{@upstream})"},
    ),
    number(
        "Oldest name", "s",
        "How long ago the name was resolved that was resolved longest ago. Names are asked again by their TTL; while "
        "DNS fails, the last good answer is kept, and this climbs.",
        {"age": "max(time() - vordr_upstream_dns_last_success_timestamp_seconds{@upstream})"},
        steps(GREEN, (120, YELLOW), (300, RED)),
    ),
])

STATE = Row("State", [
    states(
        "Servers", "Whether each server of each upstream may be asked.",
        {"{{upstream}}: {{peer}}": "min by (upstream, peer) (vordr_upstream_up{@upstream})"},
        {0: ("down", RED), 1: ("up", GREEN)},
    ).wide(16),
    graph(
        "Age of names", "s",
        "How long ago each upstream's name was resolved. A saw is well; a line that only climbs is a name server that "
        "does not answer, and an upstream that may have moved meanwhile.",
        {"{{upstream}}": "max by (upstream) (time() - vordr_upstream_dns_last_success_timestamp_seconds{@upstream})"},
    ),
])

REQUESTS = Row("Requests", [
    graph(
        "Answers by upstream", "reqps",
        "By the hundreds of their status; 5xx is the upstream's own failure.",
        {"{{upstream}} {{code_class}}":
            "sum by (upstream, code_class) (rate(vordr_upstream_requests_total{@upstream}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Answers by server", "reqps",
        "Who answers: uneven lines in one upstream are weights, stickiness, or a server that is out.",
        {"{{upstream}}: {{peer}}": "sum by (upstream, peer) (rate(vordr_upstream_requests_total{@upstream}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Connections in use", "none",
        "Connections that carry a request or a stream. A WebSocket holds one for as long as it lives.",
        {"{{upstream}}": "sum by (upstream) (vordr_upstream_connections{@upstream})"},
    ),
    graph(
        "Time to answer", "s", "From choosing a server to the head of its answer, connecting included.",
        quantiles("vordr_upstream_request_duration_seconds", "@upstream"),
    ),
    graph(
        "Time to answer by upstream", "s", "95 of 100 answers of an upstream begin within this time.",
        {"{{upstream}}":
            "histogram_quantile(0.95, sum by (le, upstream) "
            "(rate(vordr_upstream_request_duration_seconds_bucket{@upstream}[@rate])))"},
    ),
    graph(
        "Time to connect", "s",
        "TCP and TLS together, for connections that were made anew; those that were kept alive need none.",
        quantiles("vordr_upstream_connect_duration_seconds", "@upstream"),
    ),
])

FAILURES = Row("Failures", [
    graph(
        "Failed attempts by reason", "reqps",
        "dns: the name does not resolve. refused: nobody listens. connect_timeout, write_timeout, read_timeout: no "
        "progress within `timeouts`. tls: no trust. reset, early_close: broken off. none_up: no server could be asked.",
        {"{{upstream}}: {{reason}}":
            "sum by (upstream, reason) (rate(vordr_upstream_errors_total{@upstream}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Failed attempts, as a share", "percentunit", "Of all attempts that were made with an upstream.",
        {"{{upstream}}":
            "sum by (upstream) (rate(vordr_upstream_errors_total{@upstream}[@rate])) / "
            "(sum by (upstream) (rate(vordr_upstream_errors_total{@upstream}[@rate])) + "
            "(sum by (upstream) (rate(vordr_upstream_requests_total{@upstream}[@rate])) or "
            "0 * sum by (upstream) (rate(vordr_upstream_errors_total{@upstream}[@rate]))))"},
        max=1,
    ),
    graph(
        "Attempts made again", "reqps",
        "Requests that were sent once more, by why the attempt before failed. The client sees nothing of it but time.",
        {"{{upstream}}: {{reason}}":
            "sum by (upstream, reason) (rate(vordr_upstream_retries_total{@upstream}[@rate]))"},
        stacked=True,
    ),
])

UPSTREAMS = Dashboard(
    "upstreams", "vordr: upstreams",
    "Which upstreams are up, how fast they answer, and what goes wrong on the way to them.",
    [INSTANCE, UPSTREAM],
    [NOW, STATE, REQUESTS, FAILURES],
)
