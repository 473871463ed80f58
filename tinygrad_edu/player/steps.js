// What is said of each step: an element to show, and a sentence to read out.

const valueOf = (k) => shown(arrayAt(data.nodes[k].value), name(k));
const scalarOrName = (k) => (isScalar(arrayAt(data.nodes[k].value)) ? valueOf(k) : name(k));
const row = (label, ...content) => [make("dt", {}, label), make("dd", {}, make("div", { class: "equation" }, ...content))];
const sign = (text) => make("span", { class: "sign" }, text);

function panel(s) {
  const step = data.steps[s];
  return { start, forward, seed, backward, end }[step.kind](step);
}

// the lines around a step, or as many from the first
function program(now) {
  const all = counts("forward");
  const from = Math.max(0, Math.min(all.indexOf(now) - LINES / 2, all.length - LINES));
  const list = make("ol", { class: "program", start: from + 1 });
  for (const step of all.slice(from, from + LINES)) {
    const line = make("li", step === now ? { "aria-current": "step" } : {}, ...equation(step.node, step.formula));
    const a = arrayAt(data.nodes[step.node].value);
    if (now && times[step.node].value <= times[now.node].value) line.append(make("span", { class: "value" }, isScalar(a) ? number(a.v[0]) : shapeText(a.s)));
    list.append(line);
  }
  return list;
}

const LINES = 20;
const counts = (kind) => data.steps.filter((step) => step.kind === kind);

function heading(kind, step, ...content) {
  const all = counts(kind);
  const count = `${kind} ${all.indexOf(step) + 1} of ${all.length}`;
  return make("header", { class: kind }, make("p", { class: "badge" }, count), make("h2", {}, ...content));
}

function equation(k, tokens) {
  return [name(k), sign(" = "), formula(tokens)];
}

// -- the steps

function start() {
  const made = counts("forward");
  const text = `The forward pass computes ${plural(made.length, "result")}; the backward pass then asks of each how much the loss changes with it.`;
  return { element: [make("header", {}, make("p", { class: "badge" }, "what is computed"), make("h2", {}, "A program of ", plural(made.length, "line"))), make("p", {}, text), program(null)], text };
}

function forward(step) {
  const k = step.node;
  const operands = step.formula.filter((token) => typeof token === "number");
  const numbers = operands.every((n) => isScalar(arrayAt(data.nodes[n].value)));
  const terms = numbers ? [name(k), sign("="), formula(step.formula, scalarOrName)] : [formula(step.formula, valueOf)];
  const result = shown(arrayAt(data.nodes[k].value), name(k));
  result.classList.add("result");
  const line = make("div", { class: "equation" }, ...terms, sign("="), result);
  const text = `Forward: ${data.nodes[k].plain} = ${data.nodes[k].text}, which is ${spoken(data.nodes[k].value)}.`;
  return { element: [heading("forward", step, ...equation(k, step.formula)), line, program(step)], text };
}

function seed(step) {
  const line = make("div", { class: "equation" }, gradientOf(step.node), sign("="), shown(arrayAt(step.gradient)));
  const text = `The backward pass starts at ${data.nodes[loss].plain}: it changes with itself by exactly 1.`;
  return { element: [make("header", { class: "backward" }, make("p", { class: "badge" }, "the backward pass starts"), make("h2", {}, name(loss))), line, make("p", {}, text)], text };
}

function backward(step) {
  const k = step.node;
  const op = counts("forward").find((other) => other.node === k);
  const received = times[k].sums.length;
  const arrives = make("div", { class: "equation arrives" }, gradientOf(k), sign("="), step.uses.length ? brief(arrayAt(step.gradient)) : shown(arrayAt(step.gradient)));
  const note = received > 1 ? `complete: the sum of its ${received} uses` : k === loss ? "where the backward pass starts" : "";
  const list = make("dl", {}, make("dt", {}, "gradient that arrives"), make("dd", {}, arrives, note ? make("small", {}, note) : null));
  const cards = step.uses.map((use) => card(step, use));
  const handed = step.uses.map((use) => `${spoken(use.part)} for ${data.nodes[use.node].plain}`).join(", ");
  const text = `Backward through ${data.nodes[k].plain} = ${data.nodes[k].text}: ${spoken(step.gradient)} arrives, and gives ${handed || "nothing to constants"}.`;
  return { element: [heading("backward", step, ...equation(k, op.formula)), list, ...cards], text };
}

function end() {
  const table = make("table", { class: "summary" });
  fill(table.createTHead().insertRow(), {}, ["", "value", "gradient"].map((text) => make("th", { scope: "col" }, text)));
  const body = table.createTBody();
  data.nodes.forEach((node, k) => {
    if (node.kind !== "parameter" || times[k].sums.length === 0) return;
    const cells = [node.value, times[k].sums.at(-1)[1]].map((place) => make("td", {}, shown(arrayAt(place))));
    fill(body.insertRow(), { "data-node": k }, [make("th", { scope: "row" }, name(k)), ...cells]);
  });
  const text = "All gradients are complete. A training step now moves each parameter a little against its gradient.";
  return { element: [make("header", { class: "backward" }, make("p", { class: "badge" }, "done"), make("h2", {}, "The gradients of ", name(loss))), table, make("p", {}, text)], text };
}

// -- what one operand gets

function card(step, use) {
  const k = use.node;
  const list = make("dl", {});
  const result = use.raw ?? use.part;
  if (use.how === "times") {
    const factor = arrayAt(use.factor);
    const isNumeral = use.local.every((token) => typeof token === "string") && isScalar(factor);
    const local = fraction(name(step.node), name(k));
    list.append(...row("local derivative", local.cloneNode(true), sign("="), ...(isNumeral ? [] : [formula(use.local)]), ...(isScalar(factor) ? [isNumeral ? "" : sign("="), shown(factor)] : [])));
    const arrives = arrayAt(use.arrives ?? step.gradient);
    const dot = isScalar(factor) || isScalar(arrives) ? "×" : "⊙";
    const chain = "raw" in use || "arrives" in use ? [formula(use.rule, name, () => gradientOf(step.node))] : [gradientOf(step.node), sign(dot), local];
    list.append(...row("chain rule", gradientOf(k), sign("="), ...chain));
    const product = [shown(arrives, gradientOf(step.node)), sign(dot), bracketed(factor, local.cloneNode(true)), sign("="), contribution(use, result)];
    list.append(make("dd", {}, make("div", { class: "equation" }, ...product)));
  } else if (use.how) {
    const [left, right] = [shown(arrayAt(use.factor), formula(use.local)), shown(arrayAt(step.gradient), gradientOf(step.node))];
    list.append(...row("rule", gradientOf(k), sign("="), formula(use.rule, name, () => gradientOf(step.node))));
    list.append(...row("product", ...(use.how === "left" ? [left, right] : [right, left]), sign("="), contribution(use, result)));
  } else {
    list.append(...row("rule", gradientOf(k), sign("="), formula(use.rule, name, () => gradientOf(step.node))));
    list.append(...row("result", shown(arrayAt(step.gradient), gradientOf(step.node)), sign("→"), contribution(use, result)));
  }
  if ("raw" in use) list.append(...row("summed", contribution(use, use.part)));
  if (use.of > 1) list.append(...soFar(use));
  const title = make("h3", {}, "to ", name(k));
  const why = use.why.map((text) => make("p", { class: "why" }, text));
  return make("section", { class: "card", "data-node": k }, title, list, ...why);
}

function bracketed(a, caption = null) {
  const element = shown(a, caption);
  return isScalar(a) && Number(a.v[0]) < 0 ? make("span", {}, "(", element, ")") : element;
}

function contribution(use, place) {
  const isWhole = use.of === 1 && place === use.part;
  const element = shown(arrayAt(place), isWhole ? gradientOf(use.node) : make("span", {}, place === use.part ? "contribution" : "before the sum"));
  if (place === use.part) element.classList.add("result");
  return element;
}

function soFar(use) {
  const label = `sum so far, use ${use.count} of ${use.of}`;
  const total = shown(arrayAt(use.sum));
  total.classList.add("total");
  if (!("before" in use)) return row(label, total);
  return row(label, shown(arrayAt(use.before)), sign("+"), bracketed(arrayAt(use.part)), sign("="), total);
}

// -- for screen readers

function spoken(place) {
  const a = arrayAt(place);
  if (isScalar(a)) return number(a.v[0]);
  if (a.v.length === 1) return number(a.v[0]);
  const [low, high] = rangeOf(a);
  return `an array of shape ${shapeText(a.s)} from ${number(low, 3)} to ${number(high, 3)}`;
}

const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
