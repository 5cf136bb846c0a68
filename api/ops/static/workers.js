// The pools. /ops/pools shows the pools of the worker that answers, so each worker has its own section and plots.

import { showBlockers } from "./blockers.js";
import { bad, byId, code, element, Facts, Fold, Table } from "./elements.js";
import { ago, count, milliseconds } from "./format.js";
import { note } from "./health.js";
import { Plot, WINDOW_MS } from "./plot.js";

const FRESH_MS = 30_000;

const workers = new Map();

export function showPools({ worker_pid: pid, pools }) {
  if (!workers.has(pid)) workers.set(pid, new Worker(byId("workers"), pid));
  workers.get(pid).show(pools);
  noteAll();
}

// Older answers of other workers say nothing about the service's health now.
function noteAll() {
  const fresh = [...workers.values()].filter((worker) => Date.now() - worker.at < FRESH_MS);
  const pools = fresh.flatMap((worker) => worker.latest);
  note("pools", pools);
  showBlockers(pools);
}

// Update the age of each worker's numbers, and remove a worker that has not answered for the length of a plot.
export function tick() {
  for (const [pid, worker] of workers) {
    if (Date.now() - worker.at > WINDOW_MS) {
      worker.section.remove();
      workers.delete(pid);
    } else {
      worker.tick(workers.size);
    }
  }
  noteAll();
}

export function clearPools() {
  workers.clear();
  showBlockers([]);
  byId("workers").replaceChildren();
}

class Worker {
  constructor(parent, pid) {
    this.pools = new Map();
    this.note = element("p", { class: "note" });
    this.grid = element("div", { class: "panels" });
    const title = element("h2", { id: `worker-${pid}` }, `Pools of worker ${pid}`);
    const panel = element("section", { class: "panel" }, element("h3", {}, "Checked-out connections"));
    this.section = element(
      "section", { class: "worker", "aria-labelledby": title.id }, title, this.note, this.grid, panel,
    );
    this.connections = new Table(
      panel,
      `Checked-out connections, worker ${pid}`,
      ["Request or job", "Blocked by", "Checked out for#", "Waiting for", "Statement", "State", "Pool", "Backend PID#",
        "Request id"],
      "No connection is checked out.",
    );
    parent.append(this.section);
  }

  show(pools) {
    this.at = Date.now();
    this.latest = pools;
    for (const pool of pools) {
      if (!this.pools.has(pool.database)) this.pools.set(pool.database, new Pool(this.grid, pool.database));
      this.pools.get(pool.database).show(pool, this.at);
    }
    this.connections.show(pools.flatMap((pool) => pool.holders.map((holder) => row(pool.database, holder))));
    this.tick(workers.size);
  }

  tick(workerCount) {
    const others = workerCount > 1 ? ` One of ${workerCount} workers; each shows its last answer.` : "";
    this.note.textContent = `Answered ${ago(this.at)}.${others}`;
    for (const pool of this.pools.values()) pool.plot.draw();
  }
}

function row(database, holder) {
  const duration = milliseconds(holder.held_ms);
  return [
    holder.carries > 1 ? `${holder.work} (${count(holder.carries, "request")})` : holder.work ?? "–",
    holder.blocked_by.length ? bad(holder.blocked_by.join(", ")) : "–",
    holder.overdue ? bad(`overdue: ${duration}`) : duration,
    holder.wait_event ?? "–",
    code(holder.statement),
    holder.state ? `${holder.state}, ${milliseconds(holder.statement_ms)}` : "unknown",
    database,
    `${holder.backend_pid}`,
    code(holder.request_id),
  ];
}

class Pool {
  constructor(parent, name) {
    this.headline = element("p", { class: "headline" });
    this.advice = element("p", { class: "advice" });
    const panel = element("section", { class: "panel", "aria-label": `Pool ${name}` }, element("h3", {}, name));
    panel.append(this.headline);
    this.plot = new Plot(panel, `Pool ${name}`);
    const details = element("details", {}, element("summary"));
    this.fold = new Fold(details);
    panel.append(details);
    this.facts = new Facts(details, [
      "Wait p50 / p95 / max", "Checked out p50 / p95 / max", "Open (min to max)", "Checkouts",
      "Wait timeouts", "Refused (queue full)", "Broken connections", "Connection errors", "Reconnects",
    ]);
    panel.append(this.advice);
    parent.append(panel);
  }

  show(pool, at) {
    this.headline.replaceChildren(
      element("b", {}, `${pool.in_use}`), ` of ${pool.max_size} in use, `,
      element("b", { class: pool.waiting ? "bad" : "" }, `${pool.waiting}`), " waiting",
    );
    this.plot.add({ at, used: pool.in_use, waiting: pool.waiting, most: pool.max_size });
    this.facts.show([
      quantiles(pool.wait_ms),
      quantiles(pool.hold_ms),
      `${pool.size} (${pool.min_size} to ${pool.max_size})`,
      `${pool.checkouts}`,
      ...[pool.timeouts, pool.refusals, pool.bad_connections, pool.connect_errors].map(errors),
      `${pool.reconnects}`,
    ]);
    const failures = pool.timeouts + pool.refusals + pool.bad_connections + pool.connect_errors;
    const text = failures ? bad(`${count(failures, "failure")} since the worker started`) : "No failure since the worker started";
    this.fold.show(failures === 0, text);
    this.advise(pool.advice);
  }

  advise(advice) {
    this.advice.hidden = !advice;
    if (!advice) return;
    this.advice.textContent = `Recommended: minimum ${advice.min_size}, maximum ${advice.max_size}. ${advice.why}`;
  }
}

const errors = (number) => (number ? bad(`${number}`) : "0");

const quantiles = (times) =>
  times ? `${[times.p50, times.p95, times.max].map(rounded).join(" / ")} ms` : "–";

const rounded = (number) => (number < 10 ? number.toFixed(1) : `${Math.round(number)}`);
