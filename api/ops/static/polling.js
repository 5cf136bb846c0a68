// Polling: one request at a time, each with a deadline, less often while the tab is hidden.

const DEADLINE_MS = 12_000; // Folio answers within 9 s
const HIDDEN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 15_000; // after failures

// A problem that Folio answered, with its code, or no answer at all.
export class Failure extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  get isKeyRefused() {
    return this.status === 401 || this.code === "operator_required";
  }
}

export async function request(path, { key, stop, method = "GET" }) {
  let answer;
  try {
    answer = await fetch(new URL(`../${path}`, import.meta.url), {
      method,
      headers: { Authorization: `Bearer ${key}` },
      signal: AbortSignal.any([stop, AbortSignal.timeout(DEADLINE_MS)]),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    if (answer.ok) return await answer.json();
  } catch (error) {
    const late = error.name === "TimeoutError" ? ` within ${DEADLINE_MS / 1000} s` : "";
    throw new Failure(0, "no_answer", `Folio does not answer${late}.`);
  }
  const problem = await answer.json().catch(() => ({}));
  throw new Failure(answer.status, problem.code, problem.detail ?? `Folio answered ${answer.status}.`);
}

// Do `work` about every `interval` milliseconds until `stop`; call `failed` with an error and the pause after it.
export async function poll(interval, stop, work, failed) {
  let pause = interval;
  while (!stop.aborted) {
    try {
      await work();
      pause = interval;
    } catch (error) {
      if (stop.aborted) return;
      pause = Math.max(interval, Math.min(pause * 2, MAX_PAUSE_MS));
      failed(error, pause);
    }
    await wait(document.hidden ? Math.max(pause, HIDDEN_PAUSE_MS) : pause, stop);
  }
}

// Wait until the pause is over, the tab becomes visible, or `stop` is sent.
function wait(pause, stop) {
  return new Promise((resolve) => {
    const listeners = new AbortController();
    const end = () => {
      clearTimeout(timer);
      listeners.abort();
      resolve();
    };
    const timer = setTimeout(end, pause);
    const endIfVisible = () => document.hidden || end();
    document.addEventListener("visibilitychange", endIfVisible, { signal: listeners.signal });
    stop.addEventListener("abort", end, { signal: listeners.signal });
  });
}
