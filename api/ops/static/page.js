// The page: asks for an operator's key, keeps it in a variable and nowhere else, and shows what Folio says to it.

import { byId } from "./elements.js";
import { ago } from "./format.js";
import { clearPanels, sayOfAudit, showAudit, showStatus } from "./panels.js";
import { ask, poll } from "./polling.js";
import { clearPools, showPools, tick } from "./workers.js";

const EVERY = { pools: 2000, status: 10_000, audit: 5000 };
const STALE = 10_000;

const form = byId("sign-in");
const field = byId("key");
const button = byId("run-audit");

const troubles = new Map(); // what is asked for and not answered, with the reason

let asking = null; // the key and what ends the asking
let updated = 0;
let auditing = false;
let audited = ""; // when the last audit that is shown ended
let awaited = null; // the same, for as long as an audit goes on after its request

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const stop = new AbortController();
  const tried = { key: field.value.trim(), stop: stop.signal };
  try {
    if (!/^[!-~]+$/.test(tried.key)) throw new Error("A key is one word of plain letters, digits and signs.");
    const pools = await ask("pools", tried);
    if (asking !== null) return; // Enter was pressed twice
    begin(tried, stop);
    shown(pools);
    sayState();
  } catch (error) {
    refuse(error.message);
  }
});

byId("forget").addEventListener("click", () => forget(""));
button.addEventListener("click", runAudit);
setInterval(showAge, 1000);

function begin(tried, stop) {
  asking = { ...tried, end: () => stop.abort() };
  field.value = "";
  byId("key-error").textContent = "";
  form.hidden = true;
  byId("board").hidden = byId("forget").hidden = false;
  byId("board").focus();
  setTimeout(() => keep("pools", async () => shown(await ask("pools", tried))), EVERY.pools);
  keep("status", async () => showStatus(await ask("status", tried)));
  keep("audit", readAudit);
}

// Ask for one thing until the key is forgotten, and say what goes wrong for as long as it does.
function keep(name, work) {
  const { stop } = asking;
  const done = async () => {
    await work();
    troubles.delete(name);
    sayState();
  };
  const failed = (error, pause) => {
    if (error.ofKey) forget(error.message);
    else troubles.set(name, `${name}: ${error.message} Next try in ${pause / 1000} s.`);
    sayState();
  };
  poll(EVERY[name], stop, done, failed);
}

// Only what has changed is written: a screen reader says it again.
function sayState() {
  const state = byId("state");
  const words = asking === null ? "" : [...troubles.values()].join(" ") || "Live";
  if (state.textContent !== words) state.textContent = words;
  state.className = troubles.size ? "bad" : "good";
}

function forget(why) {
  asking?.end();
  asking = awaited = null;
  audited = "";
  clearPools();
  clearPanels();
  troubles.clear();
  sayState();
  form.hidden = false;
  byId("board").hidden = byId("forget").hidden = true;
  byId("updated").textContent = "";
  refuse(why);
}

function refuse(why) {
  byId("key-error").textContent = why;
  field.setAttribute("aria-invalid", String(why !== ""));
  field.focus();
}

function shown(pools) {
  if (asking === null) return;
  updated = Date.now();
  showPools(pools);
  showAge();
}

function showAge() {
  if (asking === null) return;
  const stale = Date.now() - updated > STALE;
  byId("updated").textContent = `${stale ? "Stale: last" : "Last"} update ${ago(updated)}`;
  byId("updated").className = stale ? "bad" : "note";
  tick();
}

async function readAudit() {
  if (auditing) return;
  try {
    const audit = await ask("audit", asking);
    if (!auditing && audit.finished_at !== awaited) auditEnded(audit);
  } catch (error) {
    if (error.code !== "audit_not_found") throw error;
    if (awaited === null) sayOfAudit(error.message);
  }
}

function auditEnded(audit) {
  audited = audit.finished_at;
  awaited = null;
  showAudit(audit);
}

async function runAudit() {
  if (auditing) return;
  const mine = asking;
  auditing = true;
  button.setAttribute("aria-disabled", "true"); // and not `disabled`, which would take the keyboard's focus away
  sayOfAudit("The audit is running.");
  try {
    const audit = await ask("audit", { ...mine, method: "POST" });
    if (asking !== mine) return;
    if (audit.status === "running") {
      awaited = audited;
      sayOfAudit("The audit goes on, and is shown here when it ends.");
    } else auditEnded(audit);
  } catch (error) {
    if (asking === mine) sayOfAudit(`Not run: ${error.message}`);
  } finally {
    auditing = false;
    button.removeAttribute("aria-disabled");
  }
}
