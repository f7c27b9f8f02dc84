"""How many WebSockets are open, what passes through them, and how they end."""

from grafana import GREEN, INSTANCE, RED, ROUTE, SERVER, YELLOW, Dashboard, Row, graph, number, quantiles, steps

OPENED = "sum(rate(vordr_websocket_connections_total{@route}[@rate]))"
REFUSED = "sum(rate(vordr_websocket_upgrade_failures_total{@route}[@rate]))"
CLOSED = "sum(rate(vordr_websocket_closes_total{@route}[@rate]))"
MESSAGES = 'vordr_websocket_frames_total{@route,opcode=~"text|binary"}'

NOW = Row("Now", [
    number(
        "Open", "none", "WebSockets that are open now.",
        {"open": "sum(vordr_websocket_connections_active{@route})"},
    ),
    number(
        "Opened", "ops",
        "WebSockets opened in a second. Many, with few open, are clients that reconnect over and over.",
        {"opened": OPENED},
    ),
    number(
        "Handshakes refused", "percentunit",
        "The share of WebSocket handshakes that were not answered 101, so that no stream was opened.",
        {"refused": f"({REFUSED} or vector(0)) / (({REFUSED} or vector(0)) + {OPENED})"},
        steps(GREEN, (0.01, YELLOW), (0.1, RED)), decimals=1,
    ),
    number(
        "Cut", "percentunit",
        "The share of streams that ended without a close frame: a network that broke, a client that went away, or an "
        "app that died.",
        {"cut": '(sum(rate(vordr_websocket_closes_total{@route,reason="abnormal"}[@rate])) or vector(0)) / ' + CLOSED},
        steps(GREEN, (0.2, YELLOW), (0.5, RED)), decimals=1,
    ),
    number(
        "Messages", "mps", "Messages in a second, in both directions.",
        {"messages": f"sum(rate({MESSAGES}[@rate]))"},
    ),
    number(
        "Lifetime", "s", "Half of the streams that ended lived no longer than this.",
        {"median": "histogram_quantile(0.5, "
                   "sum by (le) (rate(vordr_websocket_duration_seconds_bucket{@route}[@rate])))"},
    ),
])

STREAMS = Row("Streams", [
    graph(
        "Open", "none",
        "WebSockets that are open, by the location that they came to. A sudden drop is a restart of the app, or a "
        "network that broke.",
        {"{{server}} {{route}}": "sum by (server, route) (vordr_websocket_connections_active{@route})"}, stacked=True,
    ),
    graph(
        "Opened", "ops",
        "WebSockets opened in a second, by the location that they came to.",
        {"{{server}} {{route}}": "sum by (server, route) (rate(vordr_websocket_connections_total{@route}[@rate]))"},
        stacked=True,
    ),
    graph(
        "Lifetime", "s",
        "How long the streams lived that ended. Many that end after the same time point at somebody's idle limit; "
        "`websocket ping` keeps silent streams alive.",
        quantiles("vordr_websocket_duration_seconds", "@route"),
    ),
])

TRAFFIC = Row("What passes", [
    graph(
        "Bytes", "Bps", "Bytes of WebSockets in a second, as they pass on the wire: compressed, where they are.",
        {"from clients": 'sum(rate(vordr_websocket_bytes_total{@route,direction="in"}[@rate]))',
         "to clients": 'sum(rate(vordr_websocket_bytes_total{@route,direction="out"}[@rate]))'},
    ),
    graph(
        "Frames from clients", "ops",
        "By kind: text and binary carry messages, continuation their further parts; ping and pong keep a stream "
        "alive; close ends it.",
        {"{{opcode}}": 'sum by (opcode) (rate(vordr_websocket_frames_total{@route,direction="in"}[@rate]))'},
    ),
    graph(
        "Frames to clients", "ops",
        "By kind: text and binary carry messages, continuation their further parts; ping and pong keep a stream "
        "alive; close ends it.",
        {"{{opcode}}": 'sum by (opcode) (rate(vordr_websocket_frames_total{@route,direction="out"}[@rate]))'},
    ),
    graph(
        "Messages by route", "mps", "Messages in a second, in both directions, by location.",
        {"{{server}} {{route}}": f"sum by (server, route) (rate({MESSAGES}[@rate]))"}, stacked=True,
    ),
    graph(
        "Compressed messages", "percentunit",
        "The share of messages that permessage-deflate made smaller. None, where you expect some: the app or the "
        "client does not ask for it.",
        {"compressed":
            "sum(rate(vordr_websocket_compressed_messages_total{@route}[@rate])) / "
            f"sum(rate({MESSAGES}[@rate]))"},
        max=1,
    ),
    graph(
        "Event streams", "none", "Open event streams (text/event-stream), by location.",
        {"{{server}} {{route}}": "sum by (server, route) (vordr_event_streams_active{@route})"}, stacked=True,
    ),
])

ENDS = Row("How they end, and why some never begin", [
    graph(
        "Ends by reason", "ops",
        "normal and going_away are well. abnormal: cut without a word. idle: silent for longer than `websocket idle`. "
        "shutdown: vordr stopped. protocol, too_big, policy, internal: the side that closed complains.",
        {"{{reason}}": "sum by (reason) (rate(vordr_websocket_closes_total{@route}[@rate]))"}, stacked=True,
    ),
    graph(
        "Ends by who ended them", "ops",
        "Who spoke of the end first, or broke off: client, upstream (your app), or proxy (vordr).",
        {"{{initiator}}": "sum by (initiator) (rate(vordr_websocket_closes_total{@route}[@rate]))"}, stacked=True,
    ),
    graph(
        "Handshakes refused", "ops",
        "Handshakes that were not answered 101, by the status they got. 403 is often the app that dislikes the Origin, "
        "426 is `websocket off`, 502 to 504 an app that is down.",
        {"{{code}} on {{server}} {{route}}":
            "sum by (code, server, route) (rate(vordr_websocket_upgrade_failures_total{@route}[@rate]))"},
        stacked=True,
    ),
])

WEBSOCKETS = Dashboard(
    "websockets", "vordr: WebSockets", "How many WebSockets are open, what passes through them, and how they end.",
    [INSTANCE, SERVER, ROUTE],
    [NOW, STREAMS, TRAFFIC, ENDS],
)
