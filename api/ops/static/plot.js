// A plot of one pool from the page's own polls: above, connections in use; below, waiting requests and jobs.

import { element, svg } from "./elements.js";
import { count, range } from "./format.js";

export const WINDOW_MS = 600_000; // ten minutes, or as long as the page has polled
const MIN_SPAN_MS = 60_000;
const MAX_GAP_MS = 15_000; // between two points of one line
const STEPS_MS = [15, 30, 60, 120].map((step) => step * 1000);

const LEFT = 30;
const RIGHT = 10;
const USED = { top: 14, bottom: 94 };
const WAITING = { top: 114, bottom: 146 };
const HEIGHT = 168;

export class Plot {
  constructor(parent, name) {
    this.name = name;
    this.points = [];
    this.svg = svg("svg", { role: "img", height: HEIGHT });
    this.caption = element("figcaption");
    parent.append(element("figure", {}, this.svg, this.caption));
    new ResizeObserver(() => this.draw()).observe(this.svg);
  }

  // A point has: at, used, waiting, most.
  add(point) {
    this.points = this.points.filter(({ at }) => at > point.at - WINDOW_MS);
    this.points.push(point);
    this.draw();
  }

  draw() {
    if (this.points.length === 0) return;
    const now = Date.now();
    const span = Math.min(WINDOW_MS, Math.max(MIN_SPAN_MS, now - this.points[0].at));
    const width = Math.max(this.svg.clientWidth, 160);
    const x = (at) => LEFT + (1 - (now - at) / span) * (width - LEFT - RIGHT);
    const shown = this.points.filter(({ at }) => at >= now - span);
    const most = Math.max(...shown.map((point) => point.most), 1);
    const waiting = Math.max(...shown.map((point) => point.waiting), 4);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.svg.replaceChildren(
      ...times(span, width, (age) => x(now - age)),
      ...band(shown, x, width, { ...USED, kind: "used", label: "in use", most, read: (point) => point.used }),
      ...band(shown, x, width, {
        ...WAITING, kind: "waiting", label: "waiting", most: waiting, read: (point) => point.waiting,
      }),
    );
    this.describe(shown, span, most);
  }

  describe(shown, span, most) {
    const used = shown.map((point) => point.used);
    const waited = Math.max(0, ...shown.map((point) => point.waiting));
    const minutes = span < 90_000 ? "minute" : count(Math.round(span / 60_000), "minute");
    const text = `In the last ${minutes}: ${range(Math.min(...used), Math.max(...used))} of ${most} in use, `
      + `at most ${waited} waiting.`;
    this.svg.setAttribute("aria-label", `${this.name}. ${text}`);
    this.caption.textContent = text;
  }
}

function band(points, x, width, { top, bottom, kind, label, most, read }) {
  const y = (value) => bottom - (value / most) * (bottom - top);
  const lines = segments(points).map((segment) => steps(segment, x, (point) => y(read(point))));
  const areas = lines.map(({ from, path }) => `${path}V${bottom}H${from}Z`);
  return [
    svg("line", { class: "base", x1: LEFT, x2: width - RIGHT, y1: bottom, y2: bottom }),
    svg("line", { class: `limit ${kind}`, x1: LEFT, x2: width - RIGHT, y1: top, y2: top }),
    svg("path", { class: `area ${kind}`, d: areas.join("") }),
    svg("path", { class: `line ${kind}`, d: lines.map(({ path }) => path).join("") }),
    svg("text", { x: LEFT - 6, y: top + 4, "text-anchor": "end" }, `${most}`),
    svg("text", { x: LEFT - 6, y: bottom + 4, "text-anchor": "end" }, "0"),
    svg("text", { class: kind, x: LEFT + 4, y: top - 5 }, kind === "used" ? `${label}, at most ${most}` : label),
  ];
}

// Split the points into lines: a value is drawn until the next point, unless that comes too late.
function segments(points) {
  const lines = [];
  points.forEach((point, at) => {
    if (at === 0 || point.at - points[at - 1].at > MAX_GAP_MS) lines.push([]);
    lines.at(-1).push(point);
  });
  return lines;
}

function steps(segment, x, y) {
  const [first, ...rest] = segment.map((point) => [x(point.at).toFixed(1), y(point).toFixed(1)]);
  const path = `M${first[0]} ${first[1]}h.1` + rest.map(([right, height]) => `H${right}V${height}`).join("");
  return { from: first[0], path };
}

function times(span, width, x) {
  const step = STEPS_MS.find((each) => span / each <= width / 90) ?? STEPS_MS.at(-1);
  const grid = [];
  for (let age = 0; age <= span; age += step) {
    const label = age === 0 ? "now" : age % 60_000 ? `−${age / 1000} s` : `−${age / 60_000} min`;
    const anchor = age === 0 ? "end" : "middle";
    grid.push(
      svg("line", { class: "grid", x1: x(age), x2: x(age), y1: USED.top, y2: WAITING.bottom }),
      svg("text", { x: x(age), y: HEIGHT - 5, "text-anchor": anchor }, label),
    );
  }
  return grid;
}
