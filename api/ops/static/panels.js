// The panels below the pools: routes, purchases, the last audit, changes, versions and migrations.

import { bad, byId, code, element, good, Table } from "./elements.js";
import { clock, count, milliseconds, seconds } from "./format.js";

const routes = new Table(
  byId("routes"), "Slowest routes", ["Route", "Requests#", "Mean#", "p95 (estimated)#"], "No requests yet.",
);
const purchases = new Table(
  byId("purchases"), "Unfinished purchases, oldest first", ["Purchase#", "Status", "Since"],
  "No unfinished purchases.",
);
const checks = new Table(byId("audit"), "Checks of the last audit", ["Check", "Result"], "No results yet.");
const changes = new Table(
  byId("changes"), "Latest changes, newest first", ["Time", "Of", "Change", "By"], "No changes yet.",
);
const databases = new Table(
  byId("databases"), "Databases", ["Database", "PostgreSQL", "State"], "Loading…",
);
const migrations = new Table(
  byId("migrations"), "Migrations", ["Database", "Migration", "Applied"], "No migrations.",
);

export function showStatus(status) {
  routes.show(
    status.slowest_routes.map((route) => [
      code(`${route.method} ${route.route || "(no route)"}`),
      `${route.requests}`,
      milliseconds(route.mean_ms),
      milliseconds(route.p95_ms),
    ]),
  );
  byId("purchases-summary").textContent = summarize(status.purchases);
  const oldest = status.purchases?.oldest ?? [];
  purchases.show(oldest.map((purchase) => [`${purchase.id}`, purchase.status, clock(purchase.since)]));
  byId("versions").textContent =
    `Folio ${status.version} on Python ${status.python}; worker ${status.worker_pid}, `
    + `started ${clock(status.started_at)}`;
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
  const violated = audit.checks.filter((check) => check.rows.length > 0);
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
      clock(change.at),
      subject(change),
      code(`${change.kind}: ${difference(change)}`),
      change.changed_by === null ? "command line" : `user ${change.changed_by}`,
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
  for (const id of ["purchases-summary", "versions", "audit-result"]) byId(id).textContent = "";
}
