// A plot of one pool, drawn from what the page polled: above, connections in use under the maximum; below, who waits.

import { element, svg } from "./elements.js";
import { count, range } from "./format.js";

export const WINDOW = 600_000; // ten minutes; a plot that has less shows what it has
const LEAST = 60_000;
const GAP = 15_000; // between two points that belong to one line
const STEPS = [15, 30, 60, 120].map((step) => step * 1000);

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
    this.points = this.points.filter(({ at }) => at > point.at - WINDOW);
    this.points.push(point);
    this.draw();
  }

  draw() {
    if (this.points.length === 0) return;
    const now = Date.now();
    const span = Math.min(WINDOW, Math.max(LEAST, now - this.points[0].at));
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
    const words = `In the last ${minutes}: ${range(Math.min(...used), Math.max(...used))} of ${most} in use, `
      + `at most ${waited} waiting.`;
    this.svg.setAttribute("aria-label", `${this.name}. ${words}`);
    this.caption.textContent = words;
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

// A point holds until the next one is known; a longer silence is a gap.
function segments(points) {
  const found = [];
  points.forEach((point, at) => {
    if (at === 0 || point.at - points[at - 1].at > GAP) found.push([]);
    found.at(-1).push(point);
  });
  return found;
}

function steps(segment, x, y) {
  const [first, ...rest] = segment.map((point) => [x(point.at).toFixed(1), y(point).toFixed(1)]);
  const path = `M${first[0]} ${first[1]}h.1` + rest.map(([right, height]) => `H${right}V${height}`).join("");
  return { from: first[0], path };
}

function times(span, width, x) {
  const step = STEPS.find((each) => span / each <= width / 90) ?? STEPS.at(-1);
  const drawn = [];
  for (let age = 0; age <= span; age += step) {
    const words = age === 0 ? "now" : age % 60_000 ? `−${age / 1000} s` : `−${age / 60_000} min`;
    const anchor = age === 0 ? "end" : "middle";
    drawn.push(
      svg("line", { class: "grid", x1: x(age), x2: x(age), y1: USED.top, y2: WAITING.bottom }),
      svg("text", { x: x(age), y: HEIGHT - 5, "text-anchor": anchor }, words),
    );
  }
  return drawn;
}
