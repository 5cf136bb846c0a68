// Requests and errors per second: differences between two answers of /ops/status, which count since the service started.

export class Rates {
  constructor() {
    this.before = null;
  }

  // Return the seconds since the last answer, and `of(name, counts)`: per second, or null if it is unknown.
  add(status, at) {
    const before = this.before;
    const counts = new Map(status.slowest_routes.map((route) => [`${route.method} ${route.route}`, route]));
    counts.set("", status.traffic);
    this.before = { at, counts };
    const seconds = before ? (at - before.at) / 1000 : 0;
    return (name) => {
      const [now, then] = [counts.get(name), before?.counts.get(name)];
      if (!then || now.requests < then.requests) return null; // the service restarted
      return { requests: (now.requests - then.requests) / seconds, errors: (now.errors - then.errors) / seconds, seconds };
    };
  }
}
