// Elements and tables. Values from Folio become text and attributes; nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

const MAX_LINE_LENGTH = 50; // characters; longer code may wrap

export const byId = (id) => document.getElementById(id);

export const element = (name, attributes = {}, ...children) =>
  filled(document.createElement(name), attributes, children);

export const svg = (name, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, name), attributes, children);

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const code = (text) => element("code", { class: text?.length > MAX_LINE_LENGTH ? "long" : "" }, text ?? "–");
export const bad = (text) => element("strong", { class: "bad" }, text);
export const good = (text) => element("span", { class: "good" }, text);

// A statement and the button that selects it, and copies it if the browser allows that.
export function copyable(text) {
  const statement = element("code", {}, text);
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(statement);
    button.textContent = "Selected";
    // Without TLS there is no clipboard, except on this machine.
    await navigator.clipboard?.writeText(text).then(() => (button.textContent = "Copied"), () => {});
  });
  return [statement, button];
}

// Details that open by themselves when something stops to be fine, and close when all is fine again.
export class Fold {
  constructor(node) {
    this.node = node;
    this.summary = node.querySelector("summary");
  }

  show(fine, text) {
    if (fine !== this.fine) this.node.open = !fine;
    this.fine = fine;
    this.summary.replaceChildren(text);
  }
}

// A list of names with values. The elements stay when values change, so that a selection or a reader's place is kept.
export class Facts {
  constructor(parent, names) {
    this.values = names.map(() => element("dd"));
    parent.append(
      element("dl", {}, ...names.map((name, at) => element("div", {}, element("dt", {}, name), this.values[at]))),
    );
  }

  show(values) {
    values.forEach((value, at) => this.values[at].replaceChildren(value));
  }
}

// A table in a box that scrolls sideways, and that takes the keyboard's focus if there is something to scroll.
export class Table {
  constructor(parent, label, columns, empty) {
    this.body = element("tbody");
    this.empty = element("p", { class: "note" }, empty);
    this.numbers = columns.map((column) => column.endsWith("#"));
    const heads = columns.map((column, at) =>
      element("th", { scope: "col", ...this.numeric(at) }, column.replace("#", "")),
    );
    const head = element("thead", {}, element("tr", {}, ...heads));
    const table = element("table", { "aria-label": label }, head, this.body);
    this.box = element("div", { class: "scroll", role: "region", "aria-label": label }, table);
    parent.append(this.box, this.empty);
    new ResizeObserver(() => this.focusable()).observe(this.box);
    this.show([]);
  }

  // Each row is a list of cells; a cell is text or an element.
  show(rows) {
    this.box.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    this.body.replaceChildren(
      ...rows.map((cells) =>
        element("tr", {}, ...cells.map((cell, at) => element("td", this.numeric(at), cell))),
      ),
    );
    this.focusable();
  }

  numeric(at) {
    return this.numbers[at] ? { class: "number" } : {};
  }

  focusable() {
    if (this.box.scrollWidth > this.box.clientWidth) this.box.tabIndex = 0;
    else this.box.removeAttribute("tabindex");
  }
}
