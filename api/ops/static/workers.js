// The pools. /ops/pools shows the pools of the worker that answers, so each worker has its own section and plots.

import { bad, byId, code, element, Facts, Table } from "./elements.js";
import { ago, milliseconds } from "./format.js";
import { Plot, WINDOW_MS } from "./plot.js";

const workers = new Map();

export function showPools({ worker_pid: pid, pools }) {
  if (!workers.has(pid)) workers.set(pid, new Worker(byId("workers"), pid));
  workers.get(pid).show(pools);
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
}

export function clearPools() {
  workers.clear();
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
      ["Pool", "Request or job", "Checked out for#", "Backend PID#", "Statement", "State", "Waiting for", "Blocked by",
        "Request id"],
      "No connection is checked out.",
    );
    parent.append(this.section);
  }

  show(pools) {
    this.at = Date.now();
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
    database,
    holder.work ?? "–",
    holder.overdue ? bad(`overdue: ${duration}`) : duration,
    `${holder.backend_pid}`,
    code(holder.statement),
    holder.state ? `${holder.state}, ${milliseconds(holder.statement_ms)}` : "unknown",
    holder.wait_event ?? "–",
    holder.blocked_by.length ? bad(holder.blocked_by.join(", ")) : "–",
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
    this.facts = new Facts(panel, [
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
