
"use strict";
// Whatever comes from the rules or a client becomes text, never markup: every node is made by `make`.
const byId = (id) => document.getElementById(id);
const base = location.pathname.replace(/\/?$/, "/");
const history = { requests: [], errors: [] };
const KEPT = 60;
let generation = null;
let token = new URLSearchParams(location.search).get("token");
if (token !== null) window.history.replaceState(null, "", location.pathname);

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function ask(path) {
  return fetch(base + path, { headers: token ? { Authorization: `Bearer ${token}` } : {}, cache: "no-store" });
}

// Only what has changed is written, so that a screen reader, a selection and a focus are left in peace.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function number(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

function span(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, units.findIndex(([size]) => seconds >= size));
  const [size, name] = seconds < 1 ? [1, "s"] : units[at];
  const rest = units[at + 1] && size > 60 ? Math.floor((seconds % size) / units[at + 1][0]) : 0;
  return `${Math.floor(seconds / size)} ${name}${rest ? ` ${rest} ${units[at + 1][1]}` : ""}`;
}

const ago = (time) => `${span(Math.max(0, (Date.now() - Date.parse(time)) / 1000))} ago`;
const counted = (count, thing) => `${number(count)} ${thing}${count === 1 ? "" : "s"}`;

function spark(node, values, what) {
  const most = Math.max(1, ...values);
  const points = values.map((value, at) => `${(KEPT - values.length + at) * 2},${24 - (value / most) * 22}`).join(" ");
  let svg = node.querySelector("svg");
  if (!svg) {
    const space = "http://www.w3.org/2000/svg";
    svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", `0 0 ${(KEPT - 1) * 2} 24`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.append(document.createElementNS(space, "polyline"));
    node.append(svg);
  }
  svg.setAttribute("aria-label", `${what} in the last minute, at most ${number(most)} per second`);
  svg.firstChild.setAttribute("points", points);
}

// Keeps the children of a list in step with what is to be shown: known ones are filled again, never replaced.
function keep(parent, items, keyOf, create, fill) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, at) => {
    const key = keyOf(item);
    const child = known.get(key) ?? Object.assign(create(item), {});
    child.dataset.key = key;
    known.delete(key);
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
    fill(child, item);
  });
  known.forEach((child) => child.remove());
}

function showNow(now) {
  const state = byId("state");
  const words = now.status === "healthy" ? "healthy" : "degraded: an upstream has no server up";
  if (state.className !== now.status) state.className = now.status;
  put(byId("state-words"), words);
  put(byId("version"), now.version);
  put(byId("uptime"), `up ${span(now.uptime_seconds)}`);
  const rates = now.rates ?? {};
  put(byId("rate"), number(rates.requests));
  put(byId("error-rate"), number(rates.errors));
  byId("errors-tile").classList.toggle("alarmed", rates.errors > 0);
  if (now.rates) {
    for (const what of ["requests", "errors"]) history[what] = [...history[what], rates[what]].slice(-KEPT);
    spark(byId("rate-spark"), history.requests, "Requests");
    spark(byId("error-spark"), history.errors, "Errors");
  }
  put(byId("in-flight"), number(now.requests.in_flight));
  put(byId("connections"), counted(now.connections.active, "connection"));
  put(byId("websockets"), number(now.websockets.active));
  put(byId("messages"), `${counted(now.websockets.messages, "message")} so far`);
  put(byId("event-streams"), number(now.event_streams.active));
  put(byId("totals"), `${number(now.requests.total)} so far`);
  put(byId("error-totals"), `${number(now.requests.errors)} so far`);
}

function routeRow(route) {
  const head = make("th", { scope: "row" }, make("b", { textContent: route.server }), " ",
    make("span", { className: "mono path", textContent: route.route }), make("span", { className: "quiet place" }));
  const cells = ["number rate", "number errors", "number mean", "number p95", "number open"];
  return make("tr", {}, head, make("td", { className: "mono action" }),
    ...cells.map((className) => make("td", { className, textContent: "–" })), 
    make("td", { className: "error" }, make("span", { className: "told" }), make("span", { className: "quiet when" })));
}

function fillRoute(row, route) {
  const live = route.live ?? {};
  const cell = (name) => row.querySelector(`.${name}`);
  put(cell("place"), route.place.split("/").pop());
  if (cell("place").title !== route.place) cell("place").title = route.place;
  put(cell("action"), route.action);
  put(cell("rate"), number(live.requests));
  put(cell("errors"), number(live.errors));
  cell("errors").classList.toggle("bad", live.errors > 0);
  put(cell("mean"), duration(live.mean));
  put(cell("p95"), duration(live.p95));
  const open = [[route.websockets, "WebSocket"], [route.event_streams, "event stream"]].filter(([count]) => count > 0);
  put(cell("open"), open.map(([count, thing]) => counted(count, thing)).join("\n") || number(route.in_flight));
  row.classList.toggle("idle", !live.requests && !route.in_flight);
  const error = route.last_error;
  put(cell("told"), error ? `${error.status} ${error.detail}` : "none");
  put(cell("when"), error ? `${[error.request, ago(error.at)].filter(Boolean).join(", ")}; ${counted(route.errors, "error")} so far` : "");
  cell("told").classList.toggle("quiet", !error);
}

function showRoutes(now) {
  keep(byId("routes").tBodies[0], now.routes, (route) => `${route.server} ${route.place} ${route.route}`, routeRow, fillRoute);
  const left = byId("left-out");
  left.hidden = now.routes_left_out === 0;
  put(left, `The ${now.routes.length} busiest are shown; ${counted(now.routes_left_out, "other")} are left out.`);
}

function showRefusals(now) {
  byId("refusals-section").hidden = now.refusals.length === 0;
  keep(byId("refusals").tBodies[0], now.refusals, (refusal) => `${refusal.what} ${refusal.reason}`,
    () => make("tr", {}, make("th", { scope: "row" }, make("b", { className: "why" }), " ", make("span", { className: "mono quiet reason" })),
      make("td", { className: "number times" }), make("td", { className: "last" }, make("span", { className: "told" }), make("span", { className: "quiet when" }))),
    (row, { what, reason, count, client_ip: client, last }) => {
      const cell = (name) => row.querySelector(`.${name}`);
      put(cell("why"), what === "handshake" ? "no TLS handshake" : last.status ? `answered ${last.status}` : "not answered");
      put(cell("reason"), reason);
      put(cell("times"), number(count));
      put(cell("told"), last.detail);
      put(cell("when"), [last.request, `from ${client}`, ago(last.at)].filter(Boolean).join(", "));
    });
}

function fillUpstream(card, pool) {
  put(card.querySelector(".name"), pool.name);
  const badge = card.querySelector(".badge");
  const all = pool.up === pool.peers.length;
  put(badge, all ? `${pool.up} up` : `${pool.up} of ${pool.peers.length} up`);
  badge.className = `badge ${all ? "well" : pool.up ? "warn" : "bad"}`;
  keep(card.querySelector("ul"), pool.peers, (peer) => peer.address,
    () => make("li", {}, make("div", { className: "line" }, make("span", { className: "mono address" }), make("span", { className: "badge is" })), make("p", { className: "why" })),
    (item, peer) => {
      put(item.querySelector(".address"), peer.address);
      const is = item.querySelector(".is");
      put(is, peer.up ? `up, ${number(peer.in_flight)} under way` : "down");
      is.className = `badge is ${peer.up ? "well" : "bad"}`;
      const elsewhere = (peer.addresses ?? []).map(({ address, up }) => `${address}${up ? "" : " (down)"}`).join(", ");
      const why = item.querySelector(".why");
      put(why, [peer.problem, elsewhere].filter(Boolean).join(" · "));
      why.className = `why ${peer.problem ? "bad" : "quiet"}`;
    });
}

function showUpstreams(now) {
  byId("upstreams-section").hidden = now.upstreams.length === 0;
  keep(byId("upstreams"), now.upstreams, (pool) => pool.name,
    () => make("li", {}, make("h3", {}, make("span", { className: "mono name" }), make("span", { className: "badge" })), make("ul")),
    fillUpstream);
}

function showCertificates(now) {
  byId("certificates-section").hidden = now.certificates.length === 0;
  keep(byId("certificates"), now.certificates, (certificate) => certificate.server,
    () => make("li", {}, make("h3", {}, make("span", { className: "mono name" }), make("span", { className: "badge" })), make("p", { className: "quiet more" })),
    (card, { hosts, days_left: days, not_after: end, acme }) => {
      put(card.querySelector(".name"), hosts.join(", "));
      const badge = card.querySelector(".badge");
      put(badge, days === null ? "none yet" : days < 0 ? "has run out" : `${counted(days, "day")} left`);
      badge.className = `badge ${days === null || days < 7 ? "bad" : days < 21 ? "warn" : "well"}`;
      put(card.querySelector(".more"), [end && `until ${end.slice(0, 10)}`, acme ? "renewed by ACME" : "from files"].filter(Boolean).join(", "));
    });
}

function showConfig(now) {
  const { generation: newer, loaded_at: when, last_error: problem } = now.config;
  byId("trouble").hidden = !problem;
  put(byId("problem"), problem ?? "");
  put(byId("rules-when"), `generation ${newer}, loaded ${ago(when)}`);
  put(byId("diagnostics"), problem ? "The last reload was refused; what is wrong stands above." : "The last load of the rules succeeded.");
  if (newer !== generation) {
    generation = newer;
    showRules().catch(() => { generation = null; });
  }
}

async function showRules() {
  const answer = await ask("config");
  if (!answer.ok) throw new Error(answer.status);
  const lines = (await answer.text()).trimEnd().split("\n");
  byId("rules").replaceChildren(...lines.map((line) => {
    const at = line.search(/\s\/\/ /);
    if (at < 0) return make("li", { textContent: line });
    return make("li", {}, line.slice(0, at), make("span", { className: "comment", textContent: line.slice(at) }));
  }));
}

function show(now) {
  byId("main").hidden = false;
  byId("main").classList.remove("stale");
  showNow(now);
  showRoutes(now);
  showRefusals(now);
  showUpstreams(now);
  showCertificates(now);
  showConfig(now);
}

function lost(words) {
  byId("state").className = "lost";
  byId("main").classList.add("stale");
  put(byId("state-words"), words);
}

// Not an EventSource: that one cannot bear a token.
async function watch() {
  const answer = await ask("events");
  if (answer.status === 401) return askForToken();
  if (!answer.ok) throw new Error((await answer.json()).error);
  byId("token-form").hidden = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("vordr closed the connection");
    const events = (text + value).split("\n\n");
    text = events.pop();
    const newest = events.pop();
    if (newest) show(JSON.parse(newest.replace(/^data: /, "")));
  }
}

async function watchForEver() {
  try {
    await watch();
  } catch (error) {
    lost(`no word from vordr (${error.message}); trying again`);
    setTimeout(watchForEver, 2000);
  }
}

function askForToken() {
  lost(token ? "this is not the token" : "a token is asked for");
  token = null;
  byId("main").hidden = true;
  byId("token-form").hidden = false;
  byId("token").focus();
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value;
  byId("token").value = "";
  watchForEver();
});

byId("explain-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const target = byId("explanation");
  try {
    const query = new URLSearchParams({ method: byId("method").value, url: byId("url").value });
    const told = await (await ask(`explain?${query}`)).json();
    target.replaceChildren(...(told.error ? [make("p", { className: "bad", textContent: told.error })] : explained(told)));
  } catch (error) {
    target.replaceChildren(make("p", { className: "bad", textContent: `no answer: ${error.message}` }));
  }
});

function explained({ facts, not_chosen: others }) {
  const place = (at) => (at ? make("span", { className: "quiet", textContent: `  ${at}` }) : null);
  const list = make("dl", {}, ...facts.flatMap(({ what, text, place: at, details }) => [
    make("dt", { textContent: what }), make("dd", {}, make("span", { className: "mono", textContent: text }), place(at),
      ...details.map((detail) => make("div", { className: "quiet mono", textContent: detail }))),
  ]));
  if (others.length === 0) return [list];
  const rest = make("ul", {}, ...others.map(({ location: name, place: at, why }) =>
    make("li", {}, make("span", { className: "mono", textContent: name }), `: ${why}`, place(at))));
  return [list, make("p", { textContent: "Not chosen:" }), rest];
}

watchForEver();
