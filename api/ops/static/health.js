// The health of the service, from the latest answers. The texts have no numbers, so that they change only with the state.

const MAX_PURCHASE_SECONDS = 60; // as in the alert FolioPurchasesUnfinished

const answers = {}; // pools of all shown workers, status, rates, audit

export function note(name, answer) {
  answers[name] = answer;
}

export function forget() {
  for (const name of Object.keys(answers)) delete answers[name];
}

// What is wrong, each in a few words; null while pools or status have not been answered yet.
export function troubles() {
  const { pools, status, rates, audit } = answers;
  if (!pools || !status) return null;
  const found = [];
  for (const { database, state } of status.databases) if (state !== "ready") found.push(`${database}: ${state}`);
  for (const name of new Set(pools.map((pool) => pool.database))) {
    const same = pools.filter((pool) => pool.database === name);
    if (same.some((pool) => pool.blockers.length)) found.push(`a session blocks ${name}`);
    if (same.some((pool) => pool.waiting && pool.in_use >= pool.max_size)) found.push(`requests wait for ${name}`);
    if (same.some((pool) => pool.holders.some((holder) => holder.overdue))) found.push(`a connection to ${name} is overdue`);
  }
  if (rates?.errors > 0) found.push("requests fail");
  if (status.purchases?.oldest_seconds > MAX_PURCHASE_SECONDS) found.push("a purchase is unfinished for too long");
  if (audit?.checks.some((check) => check.rows.length)) found.push("the last audit found violations");
  return found;
}
