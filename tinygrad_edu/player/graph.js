// The graph: boxes and arrows that know in which steps they light up.

const graph = { boxes: [], arrows: [], lit: [] };
const FEW = 150; // boxes of a graph that shows arrays as small maps of colours
const HEIGHT = 46;

// when each node has its value, when it is worked on, and how its gradient grows
const times = data.nodes.map((node) => ({ value: 0, forward: null, backward: null, sums: [] }));
data.steps.forEach((step, s) => {
  if (step.kind === "forward") Object.assign(times[step.node], { value: s, forward: s });
  if (step.kind === "seed") times[step.node].sums.push([s, step.gradient]);
  if (step.kind !== "backward") return;
  times[step.node].backward = s;
  for (const use of step.uses) times[use.node].sums.push([s, use.sum]);
});

const made = Object.fromEntries(data.steps.filter((step) => step.kind === "forward").map((step) => [step.node, step.formula]));
const gradientAt = (k, s) => times[k].sums.findLast(([from]) => from <= s)?.[1] ?? null;
const halfway = data.steps.findIndex((step) => step.kind === "seed");

// the step that a click on a node leads to: its own in this half of the pass, for what no op made its first use or its last sum
function stepOf(k) {
  const { forward, backward, sums } = times[k];
  if (state.step >= halfway && (backward ?? sums.length)) return backward ?? sums.at(-1)[0];
  return forward ?? data.steps.findIndex((step) => step.kind === "forward" && graph.arrows.some((a) => a.tail === k && a.head === step.node));
}

function buildGraph(container, go) {
  const [width, height] = data.size;
  const svg = draw("svg", { class: "graph", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "computation graph" });
  svg.append(draw("defs", {}, tip("tip"), tip("tip-forward"), tip("tip-backward")));
  graph.paths = data.paths.map((d) => draw("path", { class: "arrow", d }));
  graph.arrows = data.edges.map(([tail, head, route]) => ({ tail, head, paths: route.map((k) => graph.paths[k]) }));
  for (const arrow of graph.arrows) arrow.paths.at(-1).classList.add("end");
  graph.boxes = data.nodes.map((node, k) => box(node, k, go));
  svg.append(...graph.paths, ...graph.boxes.map((one) => one.group));
  container.append(svg);
  graph.svg = svg;
  graph.container = container;
  narrowed();
}

const tip = (id) =>
  draw("marker", { id, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, draw("path", { d: "M0 1L10 5L0 9z" }));

function box(node, k, go) {
  const title = node.text ? `${node.plain} = ${node.text}` : node.plain;
  const head = draw("text", { class: "head", y: -4 }, ...headOf(k));
  const value = draw("text", { class: "value", y: 15, x: -node.w / 2 + 9 });
  const gradient = draw("text", { class: "gradient", y: 15, x: node.w / 2 - 9 });
  const frame = draw("rect", { x: -node.w / 2, y: -HEIGHT / 2, width: node.w, height: HEIGHT, rx: 7 });
  const attributes = { class: `box ${node.kind}`, transform: `translate(${node.x} ${node.y})`, role: "button", tabindex: -1, "data-node": k, "aria-label": title };
  const group = draw("g", attributes, draw("title", {}, title), frame, head, value, gradient);
  group.addEventListener("click", () => go(stepOf(k)));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    go(stepOf(k));
  });
  return { group, head, value, gradient, shown: [undefined, undefined] };
}

// name and formula as pieces of SVG text; what would be too long for a box ends in an ellipsis
function headOf(k, room = 32) {
  const tokens = [k, ...(made[k] ? [" = ", ...made[k]] : [])];
  const found = [];
  let low = false;
  const add = (text, kind, isLow) => {
    if (!text || room <= 0) return;
    const cut = text.length > room ? text.slice(0, room) + "…" : text;
    room -= text.length;
    found.push(draw("tspan", { class: kind, dy: 3 * (isLow - low) }, cut));
    low = isLow;
  };
  for (const token of tokens) {
    if (typeof token === "string") token.split(/_([\p{L}\d‚:]+)/u).forEach((piece, i) => add(piece, i % 2 ? "below" : "text", i % 2 === 1));
    else {
      const [base, below] = data.nodes[token].name;
      const text = isComposite(token) && tokens.length > 1 ? `(${base})` : base;
      add(text, [...base].length === 1 ? "symbol" : "word", false);
      add(below, "below", true);
    }
  }
  return found;
}

// labels that the font makes wider than their boxes are pressed together: all are measured before any is changed
function narrowed() {
  const lengths = graph.boxes.map(({ head }) => head.getComputedTextLength());
  lengths.forEach((length, k) => {
    const room = data.nodes[k].w - 12;
    if (length <= room) return;
    graph.boxes[k].head.setAttribute("textLength", room);
    graph.boxes[k].head.setAttribute("lengthAdjust", "spacingAndGlyphs");
  });
}

// -- the state of a step

function showGraph(s) {
  const step = data.steps[s];
  const active = new Set("node" in step ? [step.node] : []);
  const targets = new Set((step.uses ?? []).map((use) => use.node));
  data.nodes.forEach((node, k) => {
    const one = graph.boxes[k];
    const side = step.kind === "forward" ? "forward" : "backward";
    const classes = `box ${node.kind}${times[k].value <= s ? " known" : ""}${active.has(k) ? ` active ${side}` : targets.has(k) ? " target" : ""}`;
    if (one.classes !== classes) one.group.setAttribute("class", (one.classes = classes));
    put(one, 0, times[k].value <= s ? data.nodes[k].value : null, node);
    put(one, 1, gradientAt(k, s), node);
  });
  graph.lit.forEach((path) => path.classList.remove("forward", "backward", "begin"));
  const used = graph.arrows.filter((arrow) => active.has(arrow.head) && (step.kind === "forward" || targets.has(arrow.tail)));
  graph.lit = used.flatMap((arrow) => arrow.paths);
  for (const path of graph.lit) path.classList.add(step.kind === "forward" ? "forward" : "backward");
  for (const arrow of used) arrow.paths[0].classList.add("begin");
  const current = "node" in step ? step.node : s ? loss : 0;
  graph.boxes[graph.current ?? 0].group.setAttribute("tabindex", -1);
  graph.boxes[current].group.setAttribute("tabindex", 0);
  graph.current = current;
}

// value (0) or gradient (1) of a box, touched only when it changes
function put(one, which, place, node) {
  const key = place === null ? null : data.passes[state.pass][place];
  if (one.shown[which] === key) return;
  one.shown[which] = key;
  const text = which ? one.gradient : one.value;
  if (one.maps?.[which]) one.maps[which].remove();
  text.textContent = "";
  if (key === null) return;
  const a = data.arrays[key];
  if (isScalar(a)) text.textContent = number(a.v[0]);
  else if (data.nodes.length > FEW) text.textContent = which ? "∂ ✓" : shapeText(a.s);
  else {
    if (!which) text.textContent = shapeText(a.s);
    one.maps ??= [];
    one.group.append((one.maps[which] = strip(a, which, node)));
  }
}

// a tiny map of an array: of a value beside its shape, of a gradient at the right
function strip(a, which, node) {
  const rows = rowsOf(a);
  const picked = (count, most) => Array.from({ length: Math.min(count, most) }, (_, i) => Math.floor((i * count) / Math.min(count, most)));
  const [down, across] = [picked(rows.length, 4), picked(rows[0]?.length ?? 0, 5)];
  const top = Math.max(...a.v.map(Number).filter(Number.isFinite).map(Math.abs), Number.MIN_VALUE);
  const cell = 4.5;
  const left = which ? node.w / 2 - 9 - across.length * cell : 15 - node.w / 2 + 6.5 * shapeText(a.s).length;
  const map = draw("g", { class: `strip ${which ? "gradient" : "value"}`, transform: `translate(${left} ${11 - (down.length * cell) / 2})` });
  down.forEach((i, y) => across.forEach((j, x) => {
    const v = Number(rows[i][j]);
    map.append(draw("rect", { class: v < 0 ? "low" : "high", x: x * cell, y: y * cell, width: cell, height: cell, "fill-opacity": ((Math.abs(v) / top) ** 0.7 || 0).toFixed(2) }));
  }));
  map.append(draw("rect", { class: "edge", width: across.length * cell, height: down.length * cell }));
  return map;
}

// -- how large it is shown, and which part of it

const room = () => [graph.container.clientWidth - 16, graph.container.clientHeight - 16];

function sized(whole) {
  const [width, height] = data.size;
  const [w, h] = room();
  const fitting = Math.min(w / width, h / height, 1.25);
  const scale = whole ? fitting : Math.max(fitting, Math.min(1, w / width), 0.75);
  graph.svg.setAttribute("width", width * scale);
  graph.svg.setAttribute("height", height * scale);
  return fitting;
}

function follow(smooth) {
  const node = data.nodes[graph.current];
  const scale = graph.svg.clientWidth / data.size[0];
  const [w, h] = room();
  graph.container.scrollTo({ left: node.x * scale - w / 2, top: node.y * scale - h / 2, behavior: smooth ? "smooth" : "instant" });
}
