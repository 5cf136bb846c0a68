// The panels below the pools: routes, purchases, the last audit, changes, versions and migrations.

import { bad, byId, code, element, Fold, good, Table } from "./elements.js";
import { clock, count, milliseconds, perSecond, seconds } from "./format.js";
import { note } from "./health.js";
import { Rates } from "./rates.js";

const routes = new Table(
  byId("routes"), "Slowest routes", ["Route", "p95#", "Requests/s#", "Errors/s#", "Mean#", "Requests#", "Errors#"],
  "No requests yet.",
);
const purchases = new Table(
  byId("purchases"), "Unfinished purchases, oldest first", ["Purchase#", "Status", "Since"],
  "No unfinished purchases.",
);
const checks = new Table(byId("audit"), "Checks of the last audit", ["Check", "Result"], "No results yet.");
const changes = new Table(
  byId("changes"), "Latest changes, newest first", ["Change", "Of", "By", "Time"], "No changes yet.",
);
const databases = new Table(
  byId("databases"), "Databases", ["Database", "PostgreSQL", "State"], "Loading…",
);
const migrations = new Table(
  byId("migrations"), "Migrations", ["Database", "Migration", "Applied"], "No migrations.",
);

const auditFold = new Fold(byId("audit"));
const schemaFold = new Fold(byId("schema"));

let rates = new Rates();

export function showStatus(status) {
  const rate = rates.add(status, performance.now());
  note("status", status);
  note("rates", rate(""));
  showTraffic(rate(""));
  routes.show(
    status.slowest_routes.map((route) => {
      const now = rate(`${route.method} ${route.route}`);
      return [
        route.route ? code(`${route.method} ${route.route}`) : `${route.method}, paths without a route`,
        milliseconds(route.p95_ms),
        perSecond(now?.requests),
        errors(now?.errors, perSecond(now?.errors)),
        milliseconds(route.mean_ms),
        `${route.requests}`,
        errors(route.errors, `${route.errors}`),
      ];
    }),
  );
  byId("purchases-summary").textContent = summarize(status.purchases);
  const oldest = status.purchases?.oldest ?? [];
  purchases.show(oldest.map((purchase) => [`${purchase.id}`, purchase.status, clock(purchase.since)]));
  byId("versions").textContent =
    `Folio ${status.version} on Python ${status.python}; worker ${status.worker_pid}, `
    + `started ${clock(status.started_at)}, has ${count(status.followers, "follower")}`;
  const unready = status.databases.filter((database) => database.state !== "ready" || database.pending.length);
  schemaFold.show(
    unready.length === 0,
    unready.length ? bad(`Not ready: ${unready.map(({ database }) => database).join(", ")}`) : good("Ready and migrated"),
  );
  databases.show(
    status.databases.map((database) => [
      database.database,
      database.server_version ?? "unknown",
      database.state === "ready" ? good(readiness(database)) : bad(database.state),
    ]),
  );
  migrations.show(
    status.databases.flatMap((database) => [
      ...database.pending.map((name) => [database.database, code(name), bad("pending")]),
      ...database.applied.toReversed().map(({ name, applied_at: at }) => [database.database, code(name), clock(at)]),
    ]),
  );
}

function showTraffic(rate) {
  if (rate === null) return;
  byId("traffic").replaceChildren(
    element("b", {}, perSecond(rate.requests)), " requests and ",
    element("b", { class: rate.errors ? "bad" : "" }, perSecond(rate.errors)),
    ` errors per second in the last ${seconds(rate.seconds)}`,
  );
}

const errors = (number, text) => (number ? bad(text) : text);

function readiness({ newer }) {
  return newer.length ? `ready, with ${count(newer.length, "migration")} of a newer release` : "ready";
}

function summarize(unfinished) {
  if (!unfinished) return "Unknown while the main database is away.";
  const { pending, unconfirmed, oldest_seconds: age } = unfinished;
  const suffix = pending + unconfirmed ? `; the oldest has waited ${seconds(age)}` : "";
  return `${pending} pending, ${unconfirmed} decided but not confirmed${suffix}`;
}

export function showAudit(audit) {
  note("audit", audit);
  const violated = audit.checks.filter((check) => check.rows.length > 0);
  auditFold.show(violated.length === 0, count(audit.checks.length, "check"));
  auditFold.node.hidden = false;
  const summary = `${clock(audit.finished_at)}: ${count(audit.checks.length, "check")}, `;
  const verdict = violated.length ? bad(`${violated.length} violated`) : good("all ok");
  byId("audit-result").replaceChildren(summary, verdict);
  checks.show(
    [...violated, ...audit.checks.filter((check) => check.rows.length === 0)].map((check) => [
      code(check.name),
      result(check),
    ]),
  );
}

export function showAuditMessage(text) {
  byId("audit-result").textContent = text;
}

function result({ rows, in_flight: inFlight }) {
  const fragment = document.createDocumentFragment();
  fragment.append(rows.length ? bad(`violated: ${count(rows.length, "row")}, for example `) : good("ok"));
  if (rows.length) fragment.append(element("code", { class: "long" }, JSON.stringify(rows[0])));
  if (inFlight?.length) fragment.append(`, ${inFlight.length} in flight`);
  return fragment;
}

export function showChanges({ items }) {
  changes.show(
    items.map((change) => [
      element("code", { class: "long" }, `${change.kind}: ${difference(change)}`),
      subject(change),
      change.changed_by === null ? "command line" : `user ${change.changed_by}`,
      clock(change.at),
    ]),
  );
}

function subject({ account_id: account, user_id: user, api_key_id: key }) {
  if (account !== null) return `account ${account}`;
  return key === null ? `user ${user}` : `key ${key} of user ${user}`;
}

// The members that changed, or all of them if there is only one side.
function difference({ before, after }) {
  const names = Object.keys(after ?? before ?? {}).filter((name) => before?.[name] !== after?.[name]);
  return names
    .map((name) => [before, after].filter(Boolean).map((side) => `${side[name]}`).join(" → "))
    .map((values, at) => `${names[at]} ${values}`)
    .join(", ");
}

export function clearPanels() {
  for (const table of [routes, purchases, checks, changes, databases, migrations]) table.show([]);
  rates = new Rates();
  auditFold.node.hidden = true;
  for (const id of ["purchases-summary", "versions", "audit-result", "traffic"]) byId(id).textContent = "";
}
