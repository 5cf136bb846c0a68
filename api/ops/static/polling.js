// Asking Folio, again and again: one question at a time, each with a deadline, less often when nobody looks.

const DEADLINE = 12_000; // Folio answers within 9 s
const HIDDEN = 30_000;
const LONGEST = 15_000; // after failures

// What Folio refused, by its code, or could not be asked.
export class Failure extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  get ofKey() {
    return this.status === 401 || this.code === "operator_required";
  }
}

export async function ask(path, { key, stop, method = "GET" }) {
  let answer;
  try {
    answer = await fetch(new URL(`../${path}`, import.meta.url), {
      method,
      headers: { Authorization: `Bearer ${key}` },
      signal: AbortSignal.any([stop, AbortSignal.timeout(DEADLINE)]),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    if (answer.ok) return await answer.json();
  } catch (error) {
    const late = error.name === "TimeoutError" ? ` within ${DEADLINE / 1000} s` : "";
    throw new Failure(0, "away", `Folio does not answer${late}.`);
  }
  const problem = await answer.json().catch(() => ({}));
  throw new Failure(answer.status, problem.code, problem.detail ?? `Folio answered ${answer.status}.`);
}

// Do something about every `every` milliseconds until `stop`; `failed` is told what went wrong and when the next try is.
export async function poll(every, stop, work, failed) {
  let pause = every;
  while (!stop.aborted) {
    try {
      await work();
      pause = every;
    } catch (error) {
      if (stop.aborted) return;
      pause = Math.max(every, Math.min(pause * 2, LONGEST));
      failed(error, pause);
    }
    await wait(document.hidden ? Math.max(pause, HIDDEN) : pause, stop);
  }
}

// Wait for a time, or until the page is looked at again, or the stop.
function wait(pause, stop) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => {
      clearTimeout(timer);
      over.abort();
      resolve();
    };
    const timer = setTimeout(end, pause);
    const look = () => document.hidden || end();
    document.addEventListener("visibilitychange", look, { signal: over.signal });
    stop.addEventListener("abort", end, { signal: over.signal });
  });
}
