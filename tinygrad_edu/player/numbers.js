// What everything else is made of: elements, names, numbers, matrices. Texts of the data become text nodes, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const state = { step: 0, pass: 0, frame: 0 };
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const arrayAt = (place) => data.arrays[data.passes[state.pass][place]];

// -- numbers

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const power = (e) => "10" + (e < 0 ? "⁻" : "") + [...String(Math.abs(e))].map((d) => SUPERSCRIPTS[d]).join("");
const signed = (text) => text.replace("-", "−");

function number(value, digits = 5) {
  const x = Number(value);
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0 || (Number.isInteger(x) && Math.abs(x) < 1e6)) return signed(String(x));
  const e = Math.floor(Math.log10(Math.abs(x)));
  if (e >= -4 && e < 6) return signed(String(Number(x.toPrecision(digits))));
  const [mantissa, exponent] = x.toExponential(digits - 2).split("e");
  return `${signed(String(Number(mantissa)))} × ${power(Number(exponent))}`;
}

// one format for all entries of a matrix, and the power of ten that is taken out of them
function formatOf(values) {
  const finite = values.map(Number).filter(Number.isFinite);
  const top = Math.max(...finite.map(Math.abs), 0);
  if (top === 0 || (top < 1e5 && finite.every(Number.isInteger))) return { e: 0, decimals: 0 };
  const exponent = Math.floor(Math.log10(top));
  const e = exponent < -3 || exponent > 4 ? exponent : 0;
  return { e, decimals: Math.max(0, Math.min(5, 3 - exponent + e)) };
}

function entry(value, { e, decimals }) {
  const x = Number(value);
  if (!Number.isFinite(x) || x === 0) return number(x);
  const text = (x / 10 ** e).toFixed(decimals);
  return signed(Number(text) === 0 ? text.replace("-", "") : text);
}

// -- names and formulas

function name(k) {
  const [base, below] = data.nodes[k].name;
  const tag = [...base].length === 1 ? "i" : "span";
  return make("span", { class: "name" }, make(tag, {}, base), below ? make("sub", {}, below) : null);
}

const isComposite = (k) => / [−+] /.test(data.nodes[k].name[0]);

function fraction(above, below) {
  return make("span", { class: "fraction" }, make("span", {}, "∂", above), make("span", {}, "∂", below));
}

const loss = data.nodes.length - 1;
const gradientOf = (k) => fraction(name(loss), name(k));
const gradientText = (k) => `∂${data.nodes[loss].plain}/∂${data.nodes[k].plain}`;

// text with indices, as in Σ_rows
function worded(text) {
  const pieces = text.split(/_([\p{L}\d‚:]+)/u);
  return make("span", {}, ...pieces.map((piece, i) => (i % 2 ? make("sub", {}, piece.replaceAll("‚", ", ")) : piece)));
}

// a formula: its text, with `node(k)` for each node that it refers to and `gradient()` for the gradient that arrives
function formula(tokens, node = name, gradient = null) {
  const line = make("span", { class: "formula" });
  tokens.forEach((token, i) => {
    if (typeof token === "string") return line.append(worded(token));
    const part = token < 0 ? gradient() : node(token);
    const [before, after] = [tokens[i - 1] ?? "", tokens[i + 1] ?? ""];
    const text = token < 0 || node !== name ? part.textContent : "";
    const isBound = /[^(\s,]\s*$/.test(before) || /^(\s*[·⊙/]|\s+$|[ᵀ²³⁴⁵^])/.test(after);
    const isLoose = part.classList.contains("number") && (/^−/.test(text) ? isBound : /×/.test(text) && isBound);
    const isSum = node === name && token >= 0 && isComposite(token) && tokens.length > 1 && !(before.endsWith("(") && after.startsWith(")"));
    line.append(...(isLoose || isSum ? ["(", part, ")"] : [part]));
  });
  return line;
}

// -- arrays

const shapeText = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);
const isScalar = (a) => a.s.length === 0;
const isSmall = (a) => !a.b && a.r <= 8 && a.v.length <= 32 && a.v.length / a.r <= 6;

// an array as one reads it: a number, a matrix of numbers, or a map of colours
function shown(a, caption = null) {
  if (isScalar(a)) return make("span", { class: "number", "data-value": a.v[0], title: signed(String(a.v[0])) }, number(a.v[0]));
  if (a.v.length === 0) return make("span", { class: "number" }, "no entries");
  const body = isSmall(a) ? matrix(a) : heatMap(a);
  const size = make("small", {}, shapeText(a.s));
  return make("figure", { class: "array" }, body, make("figcaption", {}, ...(caption ? [caption, " "] : []), size));
}

function rowsOf(a) {
  const columns = a.v.length / a.r;
  return Array.from({ length: a.r }, (_, i) => a.v.slice(i * columns, (i + 1) * columns));
}

function matrix(a) {
  const format = formatOf(a.v);
  const label = rowsOf(a).map((row) => row.map((x) => number(x)).join(", ")).join("; ");
  const table = make("table", { class: "matrix", role: "img", "aria-label": label });
  const block = a.s.length > 2 ? a.s.at(-2) : a.r; // the rows of one matrix of the stack
  for (const [i, row] of rowsOf(a).entries()) {
    const line = table.insertRow();
    if (i && i % block === 0) line.classList.add("next");
    for (const x of row) line.append(make("td", { "data-value": x, title: signed(String(x)) }, entry(x, format)));
  }
  return format.e ? make("span", { class: "scaled" }, `${power(format.e)} ×`, table) : table;
}

const MAP = 120; // pixels of a map of colours, each way

function heatMap(a) {
  const rows = rowsOf(a);
  const [across, down] = [rows[0].length, rows.length];
  const [w, h] = [cellSize(MAP, across), cellSize(MAP, down)];
  const top = Math.max(...a.v.map(Number).filter(Number.isFinite).map(Math.abs), Number.MIN_VALUE);
  const [low, high] = rangeOf(a);
  const label = `colours for ${shapeText(a.s)} numbers from ${number(low)} to ${number(high)}`;
  const map = draw("svg", { class: "heat", width: across * w, height: down * h, role: "img", "aria-label": label });
  rows.forEach((row, i) => row.forEach((value, j) => {
    const x = Number(value);
    const opacity = Number.isFinite(x) ? (Math.abs(x) / top) ** 0.7 : 1;
    const kind = Number.isFinite(x) ? (x < 0 ? "low" : "high") : "odd";
    const cell = draw("rect", { class: kind, x: j * w, y: i * h, width: w, height: h, "fill-opacity": opacity.toFixed(3), "data-value": value });
    cell.append(draw("title", {}, `${placeOf(a, i, j)}: ${number(value)}`));
    map.append(cell);
  }));
  return make("span", { class: "mapped" }, map, rangeText(a));
}

function rangeOf(a) {
  const finite = a.v.map(Number).filter(Number.isFinite);
  return a.m ?? (finite.length ? [Math.min(...finite), Math.max(...finite)] : [NaN, NaN]);
}

function rangeText(a) {
  const [low, high] = rangeOf(a).map((x) => number(x, 3));
  return make("span", { class: "range" }, low === high ? `all ${low}` : `${low} … ${high}`);
}

// an array that is shown elsewhere too: small ones in full, of others the range
const brief = (a) => (isScalar(a) || isSmall(a) ? shown(a) : rangeText(a));

const cellSize = (most, count) => Math.max(5, Math.min(16, Math.floor(most / count)));

// which entries a cell stands for: one, or the mean of a block
function placeOf(a, i, j) {
  if (!a.b) return a.s.length === 1 ? `entry ${j}` : `row ${i}, column ${j}`;
  const span = (starts, k) => (starts[k + 1] - starts[k] > 1 ? `s ${starts[k]} to ${starts[k + 1] - 1}` : ` ${starts[k]}`);
  return `row${span(a.b[0], i)}, column${span(a.b[1], j)}, mean`;
}
