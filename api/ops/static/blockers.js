// Root blockers: the sessions that keep the checked-out connections of all shown workers waiting.

import { byId, code, copyable, element, Facts } from "./elements.js";
import { milliseconds } from "./format.js";

const FACTS = ["User", "Application", "State", "Transaction open for", "Client", "Backend PID", "Statement"];

const cards = new Map(); // by pool and PID: a card stays while its session blocks, with the selection in it

// `pools` may name a pool several times, once for each worker.
export function showBlockers(pools) {
  const blockers = new Map(
    pools.flatMap((pool) => pool.blockers.map((blocker) => [`${pool.database} ${blocker.backend_pid}`, blocker])),
  );
  for (const [name, card] of cards) {
    if (blockers.has(name)) continue;
    card.section.remove();
    cards.delete(name);
  }
  for (const [name, blocker] of blockers) {
    if (!cards.has(name)) cards.set(name, new Card(byId("blockers-list"), name.split(" ")[0], blocker));
    cards.get(name).show(blocker);
  }
  byId("blockers").hidden = blockers.size === 0;
}

class Card {
  constructor(parent, pool, { backend_pid: pid, remedy }) {
    const title = pid ? `PID ${pid} blocks ${pool}` : `A prepared transaction blocks ${pool}`;
    this.section = element("section", { class: "blocker", "aria-label": title }, element("h3", {}, title));
    this.section.append(
      remedy
        ? element("p", { class: "remedy" }, "To end it, in psql: ", ...copyable(remedy))
        : element("p", {}, "pg_prepared_xacts lists it; ROLLBACK PREPARED ends it."),
    );
    this.facts = new Facts(this.section, FACTS);
    parent.append(this.section);
  }

  show(blocker) {
    this.facts.show([
      blocker.username ?? "–",
      blocker.application || "–",
      state(blocker),
      milliseconds(blocker.transaction_ms),
      blocker.client ?? "–",
      `${blocker.backend_pid}`,
      code(blocker.statement),
    ]);
  }
}

function state({ backend_pid: pid, state: name, state_ms: age }) {
  if (pid === 0) return "prepared";
  return name === null ? "hidden: Folio’s login lacks pg_read_all_stats" : `${name} for ${milliseconds(age)}`;
}
