"""What a dashboard is made of, and how Grafana writes it down."""

from dataclasses import dataclass, field, replace

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# What stands in an expression for the variables on top of a dashboard.
SELECTORS = {
    "@instance": 'instance=~"$instance"',
    "@route": 'instance=~"$instance",server=~"$server",route=~"$route"',
    "@upstream": 'instance=~"$instance",upstream=~"$upstream"',
    "@rate": "$__rate_interval",
}

GREEN, YELLOW, RED = "green", "orange", "red"


@dataclass
class Variable:
    """A choice on top of a dashboard: the values of a label that Prometheus knows."""

    name: str
    label: str
    query: str
    # What "All" stands for; without it, all values one by one.
    all_value: str | None = None

    def json(self) -> dict:
        every = {"allValue": self.all_value} if self.all_value else {}
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": DATASOURCE,
            "query": {"query": self.query, "refId": f"variable-{self.name}"},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            **every,
            "current": {"text": ["All"], "value": ["$__all"]},
        }


SOURCE = {
    "name": "datasource",
    "label": "Prometheus",
    "type": "datasource",
    "query": "prometheus",
    "current": {"text": "Prometheus", "value": "prometheus"},
}
# Named one by one, so that process_* is not read from programs that are not vordr.
INSTANCE = Variable("instance", "vordr", "label_values(vordr_build_info, instance)")
SERVER = Variable(
    "server", "Server", 'label_values(vordr_http_requests_total{instance=~"$instance"}, server)', ".*"
)
ROUTE = Variable(
    "route",
    "Route",
    'label_values(vordr_http_requests_total{instance=~"$instance",server=~"$server"}, route)',
    ".*",
)
UPSTREAM = Variable(
    "upstream", "Upstream", 'label_values(vordr_upstream_up{instance=~"$instance"}, upstream)', ".*"
)


@dataclass
class Panel:
    """One picture: what it shows, in which unit, and in words for whoever sees it for the first time."""

    kind: str
    title: str
    unit: str
    description: str
    # Legend to expression.
    series: dict[str, str]
    width: int
    height: int
    defaults: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    instant: bool = False

    def json(self, number: int, x: int, y: int) -> dict:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": {"unit": self.unit, **self.defaults}, "overrides": []},
            "options": self.options,
            "targets": [
                target(letter, legend, expression, self.instant)
                for letter, (legend, expression) in zip("ABCD", self.series.items())
            ],
        }

    def wide(self, width: int) -> "Panel":
        """The same over so many of a row's 24 columns."""
        return replace(self, width=width)


def target(letter: str, legend: str, expression: str, instant: bool) -> dict:
    for word, selector in SELECTORS.items():
        expression = expression.replace(word, selector)
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": expression,
        "legendFormat": legend,
        "instant": instant,
        "range": not instant,
    }


def steps(*boundaries) -> dict:
    """Colours from values on: `steps(GREEN, (0.01, YELLOW), (0.05, RED))`."""
    first, *others = boundaries
    listed = [{"color": first, "value": None}]
    listed += [{"color": colour, "value": value} for value, colour in others]
    return {"mode": "absolute", "steps": listed}


def number(title: str, unit: str, description: str, series: dict, thresholds=None, **defaults) -> Panel:
    """A number in large type, as it is now."""
    colours = thresholds or steps("blue")
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": "value" if len(series) == 1 else "value_and_name",
        "wideLayout": True,
    }
    defaults = {"color": {"mode": "thresholds"}, "thresholds": colours, "noValue": "none yet", **defaults}
    return Panel("stat", title, unit, description, series, 4, 4, defaults, options, instant=True)


def graph(title: str, unit: str, description: str, series: dict, stacked: bool = False, **defaults) -> Panel:
    """Lines over time; `stacked` where they add up to a whole."""
    custom = {"lineWidth": 1, "fillOpacity": 30 if stacked else 5, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"min": 0, "custom": custom, **defaults}
    return Panel("timeseries", title, unit, description, series, 8, 8, defaults, options)


def states(title: str, description: str, series: dict, names: dict[int, tuple[str, str]]) -> Panel:
    """One band for each series, in the colour of its state: `{0: ("down", RED), 1: ("up", GREEN)}`."""
    words = {str(value): {"text": text, "color": colour} for value, (text, colour) in names.items()}
    defaults = {
        "mappings": [{"type": "value", "options": words}],
        "custom": {"fillOpacity": 80, "lineWidth": 0},
    }
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
    }
    return Panel("state-timeline", title, "none", description, series, 8, 8, defaults, options)


def quantiles(histogram: str, selector: str) -> dict[str, str]:
    """Legend and expression of what half, most and nearly all stay under."""
    buckets = f"sum by (le) (rate({histogram}_bucket{{{selector}}}[@rate]))"
    shares = {"half are under this": 0.5, "95 % are under this": 0.95, "99 % are under this": 0.99}
    return {legend: f"histogram_quantile({share}, {buckets})" for legend, share in shares.items()}


@dataclass
class Row:
    """Panels side by side under one heading; as many lines as they need."""

    title: str
    panels: list[Panel]


@dataclass
class Dashboard:
    """A page of panels, and the choices on top of it."""

    name: str
    title: str
    description: str
    variables: list[Variable]
    rows: list[Row]

    def json(self) -> dict:
        return {
            "uid": f"vordr-{self.name}",
            "title": self.title,
            "description": self.description,
            "tags": ["vordr"],
            "schemaVersion": 41,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "annotations": {"list": []},
            "links": [self.siblings()],
            "templating": {"list": [SOURCE, *(variable.json() for variable in self.variables)]},
            "panels": self.panels(),
        }

    def siblings(self) -> dict:
        """The way to the other dashboards, with the time and the choices kept."""
        return {
            "title": "vordr",
            "type": "dashboards",
            "tags": ["vordr"],
            "asDropdown": False,
            "icon": "external link",
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "tooltip": "",
        }

    def panels(self) -> list[dict]:
        laid, y = [], 0
        for row in self.rows:
            laid.append(heading(row.title, len(laid) + 1, y))
            y += 1
            x = tallest = 0
            for panel in row.panels:
                if x + panel.width > 24:
                    x, y, tallest = 0, y + tallest, 0
                laid.append(panel.json(len(laid) + 1, x, y))
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest
        return laid


def heading(title: str, number: int, y: int) -> dict:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        "panels": [],
    }
