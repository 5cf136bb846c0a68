// The page: signs an operator in, keeps the key for the tab until sign-out, and shows Folio's answers.

import { byId } from "./elements.js";
import { ago } from "./format.js";
import { forget, troubles } from "./health.js";
import { clearPanels, showAudit, showAuditMessage, showChanges, showStatus } from "./panels.js";
import { poll, request } from "./polling.js";
import { clearPools, showPools, tick } from "./workers.js";

const INTERVAL_MS = { pools: 2000, status: 10_000, audit: 5000, changes: 10_000 };
const STALE_MS = 10_000;
const KEY = "folio.operator-key"; // in sessionStorage, which ends with the tab

const form = byId("sign-in");
const field = byId("key");
const button = byId("run-audit");

const failures = new Map(); // messages by resource: pools, status, audit, changes

let session = null; // the key, the signal that ends polling, and a function that sends it
let updated = 0;
let auditing = false; // the request for an audit is in flight
let shownAudit = ""; // finished_at of the audit that is shown
let outdatedAudit = null; // the same, while an audit continues after its request was answered

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const stop = new AbortController();
  const credentials = { key: field.value.trim(), stop: stop.signal };
  try {
    if (!/^[!-~]+$/.test(credentials.key)) throw new Error("An API key has only ASCII letters, digits and signs.");
    const pools = await request("pools", credentials);
    if (session !== null) return; // Enter was pressed twice
    signIn(credentials, stop, INTERVAL_MS.pools);
    update(pools);
    showState();
  } catch (error) {
    showKeyError(error.message);
  }
});

byId("sign-out").addEventListener("click", () => signOut(""));
button.addEventListener("click", runAudit);
setInterval(showAge, 1000);

resume();

// Sign in with the key that a reload left in the tab.
function resume() {
  const key = sessionStorage.getItem(KEY);
  if (key === null) return;
  const stop = new AbortController();
  signIn({ key, stop: stop.signal }, stop, 0);
  showState();
}

function signIn(credentials, stop, firstPause) {
  session = { ...credentials, end: () => stop.abort() };
  sessionStorage.setItem(KEY, credentials.key);
  field.value = "";
  byId("key-error").textContent = "";
  form.hidden = true;
  byId("board").hidden = byId("sign-out").hidden = false;
  byId("board").focus();
  const followPools = () => follow("pools", async () => update(await request("pools", credentials)));
  const started = session;
  setTimeout(() => session === started && followPools(), firstPause);
  follow("status", async () => showStatus(await request("status", credentials)));
  follow("audit", readAudit);
  follow("changes", async () => showChanges(await request("changes?limit=20", credentials)));
}

// Poll a resource until the operator signs out, and show its failure until it answers again.
function follow(name, read) {
  const { stop } = session;
  const work = async () => {
    await read();
    failures.delete(name);
    showState();
  };
  const failed = (error, pause) => {
    if (error.isKeyRefused) signOut(error.message);
    else failures.set(name, `${name}: ${error.message} Next attempt in ${pause / 1000} s.`);
    showState();
  };
  poll(INTERVAL_MS[name], stop, work, failed);
}

// Write only a changed text: a screen reader reads each write aloud.
function showState() {
  const state = byId("state");
  const { text, tone } = session === null ? { text: "", tone: "" } : health();
  if (state.textContent !== text) state.textContent = text;
  state.className = tone;
}

function health() {
  const found = troubles();
  const failed = [...failures.values()].join(" ");
  if (failed || found?.length) {
    const trouble = found?.length ? `Trouble: ${found.join("; ")}.` : "";
    return { text: [trouble, failed].filter(Boolean).join(" "), tone: "bad" };
  }
  return found === null ? { text: "Checking…", tone: "note" } : { text: "All well", tone: "good" };
}

function signOut(reason) {
  session?.end();
  sessionStorage.removeItem(KEY);
  session = outdatedAudit = null;
  updated = 0;
  shownAudit = "";
  clearPools();
  clearPanels();
  failures.clear();
  forget();
  showState();
  form.hidden = false;
  byId("board").hidden = byId("sign-out").hidden = true;
  byId("updated").textContent = "";
  showKeyError(reason);
}

function showKeyError(reason) {
  byId("key-error").textContent = reason;
  field.setAttribute("aria-invalid", String(reason !== ""));
  field.focus();
}

function update(pools) {
  if (session === null) return;
  updated = Date.now();
  showPools(pools);
  showAge();
}

function showAge() {
  if (session === null || updated === 0) return;
  const stale = Date.now() - updated > STALE_MS;
  byId("updated").textContent = `${stale ? "Stale: last" : "Last"} update ${ago(updated)}`;
  byId("updated").className = stale ? "bad" : "note";
  tick();
}

async function readAudit() {
  if (auditing) return;
  try {
    const audit = await request("audit", session);
    if (!auditing && audit.finished_at !== outdatedAudit) auditEnded(audit);
  } catch (error) {
    if (error.code !== "audit_not_found") throw error;
    if (outdatedAudit === null) showAuditMessage(error.message);
  }
}

function auditEnded(audit) {
  shownAudit = audit.finished_at;
  outdatedAudit = null;
  showAudit(audit);
}

async function runAudit() {
  if (auditing) return;
  const started = session;
  auditing = true;
  button.setAttribute("aria-disabled", "true"); // not `disabled`, which would take the keyboard's focus away
  showAuditMessage("The audit is running.");
  try {
    const audit = await request("audit", { ...started, method: "POST" });
    if (session !== started) return;
    if (audit.status === "running") {
      outdatedAudit = shownAudit;
      showAuditMessage("The audit is still running; its result appears here.");
    } else auditEnded(audit);
  } catch (error) {
    if (session === started) showAuditMessage(`Audit failed: ${error.message}`);
  } finally {
    auditing = false;
    button.removeAttribute("aria-disabled");
  }
}
