"""vordr itself: certificates, rules, connections, and the process."""

from grafana import GREEN, INSTANCE, RED, YELLOW, Dashboard, Row, graph, number, states, steps

DAYS_LEFT = "(vordr_tls_certificate_not_after_seconds{@instance} - time()) / 86400"

NOW = Row("Now", [
    number(
        "Versions", "none", "Which versions of vordr run, and how many of each.",
        {"{{version}}": "count by (version) (vordr_build_info{@instance})"},
    ),
    number(
        "Up for", "s", "Since vordr was started; the youngest, where there are several.",
        {"up for": "min(time() - process_start_time_seconds{@instance})"},
    ),
    number(
        "Certificate", "d", "Days until the first certificate runs out.",
        {"days left": f"min({DAYS_LEFT})"},
        steps(RED, (3, YELLOW), (14, GREEN)), decimals=0,
    ),
    number(
        "Rules", "none",
        "Whether the rules were taken in when they were loaded last. If not, vordr goes on with those it had, and "
        "the error log and /status say what is wrong.",
        {"last load": "min(vordr_config_last_reload_successful{@instance})"},
        steps(RED, (1, GREEN)),
        mappings=[{"type": "value", "options": {"0": {"text": "refused"}, "1": {"text": "in force"}}}],
    ),
    number("Connections", "none", "Clients' connections that are open now.",
           {"open": "sum(vordr_connections_active{@instance})"}),
    number(
        "Log lines dropped", "none",
        "Since the start: lines that could not be written in time. A slow disk never slows a request, it costs lines.",
        {"dropped": "sum(vordr_log_dropped_lines_total{@instance})"},
        steps(GREEN, (1, YELLOW)),
    ),
])

TLS = Row("Certificates and handshakes", [
    graph(
        "Days left", "d",
        "Until a server's certificate runs out. One that is renewed jumps up; one that is not is a page in the making.",
        {"{{server}}": f"min by (server) ({DAYS_LEFT})"},
    ),
    graph(
        "Failed handshakes", "ops",
        "Clients that came to a listener with TLS and did not get as far as a request. plain_http, not_tls and closed "
        "are mostly scanners; version and nothing_in_common are old clients; no_certificate is a name without one.",
        {"{{listener}}: {{reason}}":
            "sum by (listener, reason) (rate(vordr_tls_handshake_failures_total{@instance}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Orders for certificates", "none",
        "Certificates asked of the ACME authority in the last hour, by how that went. A few failures are tried again; "
        "the error log says why.",
        {"{{result}}": "sum by (result) (increase(vordr_acme_renewals_total{@instance}[1h]))"},
    ),
])

RULES = Row("Rules", [
    states(
        "Last load", "Whether the rules were taken in when they were loaded last.",
        {"{{instance}}": "vordr_config_last_reload_successful{@instance}"},
        {0: ("refused", RED), 1: ("in force", GREEN)},
    ),
    graph(
        "Loads", "none", "How often rules were loaded in the last hour, by how that went.",
        {"{{result}}": "sum by (result) (increase(vordr_config_reloads_total{@instance}[1h]))"},
    ),
    graph(
        "Generations in use", "none",
        "1 is well. More: requests or streams go on by rules that were replaced meanwhile, as long as they live.",
        {"{{instance}}": "vordr_config_generations_live{@instance}"},
    ),
    graph(
        "Age of the rules", "s", "Since rules were last taken in.",
        {"{{instance}}": "time() - vordr_config_last_reload_success_timestamp_seconds{@instance}"},
    ),
    graph(
        "CORS preflights", "reqps",
        "Browsers that asked whether a page of another origin may call, and what they heard.",
        {"{{result}} on {{route}}": "sum by (result, route) (rate(vordr_cors_preflights_total{@instance}[@rate]))"},
    ),
    graph(
        "Metrics left out", "ops",
        "What was counted under _overflow because a family already had 2,000 series: too many routes for one vordr.",
        {"left out": "sum(rate(vordr_metrics_overflow_total{@instance}[@rate]))"},
    ),
])

CONNECTIONS = Row("Connections", [
    graph(
        "Open", "none", "Clients' connections, by where they came in and what is spoken on them.",
        {"{{listener}} {{protocol}}": "sum by (listener, protocol) (vordr_connections_active{@instance})"},
        stacked=True,
    ),
    graph(
        "Accepted", "ops",
        "New connections in a second. As many as requests: clients, or a load balancer before vordr, do not keep them.",
        {"{{listener}} {{protocol}}": "sum by (listener, protocol) (rate(vordr_connections_total{@instance}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Refused before a route", "reqps",
        "What was no request that a route could take: bad_request, header_timeout, connection_limit, no_route.",
        {"{{reason}}":
            'sum by (reason) (rate(vordr_http_rejected_total{@instance,route="_other"}[@rate]))'},
        stacked=True,
    ),
])

PROCESS = Row("Process", [
    graph(
        "Processor", "none", "Processors in use: 1 is one core, all of the time.",
        {"{{instance}}": "rate(process_cpu_seconds_total{@instance}[@rate])"},
    ),
    graph(
        "Memory", "bytes", "What the system holds in memory for vordr.",
        {"{{instance}}": "process_resident_memory_bytes{@instance}"},
    ),
    graph(
        "Open files", "percentunit",
        "The share of the files that vordr may have open at once. Each connection is one; at 100 % none is accepted.",
        {"{{instance}}": "process_open_fds{@instance} / process_max_fds{@instance}"}, max=1,
    ),
])

EDGE = Dashboard(
    "edge", "vordr: edge", "vordr itself: certificates, rules, connections, and the process.",
    [INSTANCE],
    [NOW, TLS, RULES, CONNECTIONS, PROCESS],
)
