// What is not a pool: routes, purchases, the audit, versions and migrations.

import { bad, byId, code, element, good, Table } from "./elements.js";
import { clock, count, milliseconds, seconds } from "./format.js";

const routes = new Table(
  byId("routes"), "Slowest routes", ["Route", "Requests#", "Mean#", "p95, estimated#"], "No request was answered yet.",
);
const purchases = new Table(
  byId("purchases"), "Purchases in flight, the longest waiting first", ["Purchase#", "Status", "Since"],
  "No purchase is in flight.",
);
const checks = new Table(byId("audit"), "Checks of the last audit", ["Check", "Finding"], "There is none to show.");
const databases = new Table(
  byId("databases"), "Databases", ["Database", "PostgreSQL", "State"], "Nothing is known of the databases yet.",
);
const migrations = new Table(
  byId("migrations"), "Migrations", ["Database", "Migration", "Applied"], "No migration is known.",
);

export function showStatus(status) {
  routes.show(
    status.slowest_routes.map((route) => [
      code(`${route.method} ${route.route || "(no such path)"}`),
      `${route.requests}`,
      milliseconds(route.mean_ms),
      milliseconds(route.p95_ms),
    ]),
  );
  const found = status.purchases;
  const oldest = found.pending + found.unconfirmed ? `; the oldest for ${seconds(found.oldest_seconds)}` : "";
  byId("purchases-counted").textContent =
    `${found.pending} pending, ${found.unconfirmed} decided and not yet confirmed${oldest}.`;
  purchases.show(found.oldest.map((purchase) => [`${purchase.id}`, purchase.status, clock(purchase.since)]));
  byId("versions").textContent =
    `Folio ${status.version} on Python ${status.python}; worker ${status.worker_pid} since ${clock(status.started_at)}.`;
  databases.show(
    status.databases.map((database) => [
      database.database,
      database.server_version ?? "not known",
      database.state === "ready" ? good("ready") : bad(database.state),
    ]),
  );
  migrations.show(
    status.databases.flatMap((database) => [
      ...database.pending.map((name) => [database.database, code(name), bad("pending")]),
      ...database.applied.toReversed().map(({ name, applied_at: at }) => [database.database, code(name), clock(at)]),
    ]),
  );
}

export function showAudit(audit) {
  const broken = audit.checks.filter((check) => check.rows.length > 0);
  const words = `${clock(audit.finished_at)}: ${count(audit.checks.length, "check")}, `;
  const verdict = broken.length ? bad(`${broken.length} broken`) : good("all ok");
  byId("audit-found").replaceChildren(words, verdict, ".");
  checks.show(
    [...broken, ...audit.checks.filter((check) => check.rows.length === 0)].map((check) => [
      code(check.name),
      finding(check),
    ]),
  );
}

export function sayOfAudit(words) {
  byId("audit-found").textContent = words;
}

function finding({ rows, in_flight: flying }) {
  const words = document.createDocumentFragment();
  words.append(rows.length ? bad(`broken: ${count(rows.length, "row")}, such as `) : good("ok"));
  if (rows.length) words.append(element("code", { class: "long" }, JSON.stringify(rows[0])));
  if (flying?.length) words.append(`, ${flying.length} in flight`);
  return words;
}

export function clearPanels() {
  for (const table of [routes, purchases, checks, databases, migrations]) table.show([]);
  for (const id of ["purchases-counted", "versions", "audit-found"]) byId(id).textContent = "";
}
