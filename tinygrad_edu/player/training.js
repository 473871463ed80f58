// The replay of a training: an epoch slider, the cost curve, the decision boundary and the weights.

const training = data.training;
const W = 320;
const H = 190;
const PAD = { left: 46, right: 12, top: 10, bottom: 26 };

function buildTraining(container, choose) {
  container.hidden = false;
  const last = training.frames.length - 1;
  const slider = make("input", { id: "epoch", type: "range", min: 0, max: last, value: last, "aria-label": "epoch" });
  const play = make("button", { id: "replay", type: "button", "aria-label": "replay the training", title: "replay the training" }, icon("play"));
  const output = make("output", { id: "epoch-text", for: "epoch" });
  slider.addEventListener("input", () => choose(Number(slider.value)));
  const figures = make("div", { class: "figures" });
  const parts = [costFigure(), training.points ? planeFigure() : null, weightFigure()].filter(Boolean);
  figures.append(...parts.map((part) => part.element));
  container.append(make("div", { class: "epochs" }, play, slider, output), figures);
  return { slider, play, output, show: () => parts.forEach((part) => part.show(training.frames[state.frame])) };
}

function frameText(frame) {
  const right = "right" in frame ? ` · ${frame.right} of ${training.count} right` : "";
  return `epoch ${frame.epoch} of ${training.epochs} · ${data.nodes[loss].plain} ${number(frame.cost, 4)}${right}`;
}

function figure(title, ...content) {
  return make("figure", { class: "chart" }, make("figcaption", {}, title), ...content);
}

// -- lines over the epochs

function scales(low, high, width = W, height = H, pad = PAD) {
  const top = high > low ? high : low + 1;
  return {
    x: (epoch) => pad.left + ((epoch - 1) / Math.max(1, training.epochs - 1)) * (width - pad.left - pad.right),
    y: (v) => height - pad.bottom - ((v - low) / (top - low)) * (height - pad.top - pad.bottom),
  };
}

const lineOf = (points, { x, y }) => "M" + points.map(([epoch, v]) => `${x(epoch).toFixed(1)} ${y(v).toFixed(1)}`).join("L");

function costFigure() {
  const points = training.costs.map(([epoch, cost]) => [epoch, Number(cost)]).filter(([, cost]) => Number.isFinite(cost));
  const scale = scales(0, Math.max(...points.map(([, cost]) => cost), 1e-12));
  const dot = draw("circle", { class: "cursor", r: 5 });
  const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": "cost over the epochs" });
  svg.append(...axes(scale, points), draw("path", { class: "line", d: lineOf(points, scale) }), dot);
  const show = (frame) => fill(dot, { cx: scale.x(frame.epoch), cy: scale.y(Number(frame.cost) || 0) }, []);
  return { element: figure("cost", svg), show };
}

function axes(scale, points) {
  const top = Math.max(...points.map(([, cost]) => cost));
  const [left, right, bottom] = [scale.x(1), scale.x(training.epochs), scale.y(0)];
  const found = [draw("path", { class: "axis", d: `M${left} ${PAD.top}V${bottom}H${right}` })];
  for (const v of [0, top / 2, top]) {
    found.push(draw("path", { class: "grid", d: `M${left} ${scale.y(v)}H${right}` }));
    found.push(draw("text", { class: "tick", x: left - 6, y: scale.y(v) + 4, "text-anchor": "end" }, number(v, 2)));
  }
  found.push(draw("text", { class: "tick", x: left, y: bottom + 17 }, "1"));
  found.push(draw("text", { class: "tick", x: (left + right) / 2, y: bottom + 17, "text-anchor": "middle" }, "epoch"));
  found.push(draw("text", { class: "tick", x: right, y: bottom + 17, "text-anchor": "end" }, number(training.epochs)));
  return found;
}

// -- the plane

function planeFigure() {
  const n = training.cells;
  const canvas = make("canvas", { width: n, height: n, "aria-hidden": "true" });
  const line = draw("path", { class: "boundary" });
  const [x0, x1, y0, y1] = training.extent;
  const at = (x, y) => [((x - x0) / (x1 - x0)) * (n - 1) + 0.5, n - 0.5 - ((y - y0) / (y1 - y0)) * (n - 1)];
  const svg = draw("svg", { viewBox: `0 0 ${n} ${n}`, role: "img" }, line);
  const size = training.points.length > 60 ? 0.28 : 0.6;
  for (const [x, y, one] of training.points) {
    const [px, py] = at(x, y);
    const mark = one ? draw("circle", { class: "one", cx: px, cy: py, r: size }) : draw("rect", { class: "zero", x: px - size, y: py - size, width: 2 * size, height: 2 * size });
    mark.append(draw("title", {}, `(${number(x)}, ${number(y)}), target ${one}`));
    svg.append(mark);
  }
  const show = (frame) => {
    const outputs = [...atob(frame.plane)].map((c) => c.charCodeAt(0) / 127.5 - 1).map((off) => Math.sign(off) * off * off);
    paint(canvas, outputs, n);
    line.setAttribute("d", contour(outputs, n));
    svg.setAttribute("aria-label", `decision boundary at epoch ${frame.epoch}: ${frame.right} of ${training.count} right`);
  };
  const key = make("small", { class: "key" }, "● target 1   ■ target 0   line: output ½");
  return { element: figure("decision boundary", make("div", { class: "plane" }, canvas, svg), key), show };
}

// outputs: from −1, surely target 0, to 1
function paint(canvas, outputs, n) {
  const style = getComputedStyle(document.documentElement);
  const [low, zero, high] = ["--class-0", "--zero", "--class-1"].map((key) => [1, 3, 5].map((i) => parseInt(style.getPropertyValue(key).trim().slice(i, i + 2), 16)));
  const context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  outputs.forEach((share, k) => {
    const end = share < 0 ? low : high;
    const place = 4 * ((n - 1 - Math.floor(k / n)) * n + (k % n)); // the first row of the plane is its lowest
    [0, 1, 2].forEach((c) => (image.data[place + c] = zero[c] + (end[c] - zero[c]) * Math.abs(share) * 0.75));
    image.data[place + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

// where the output is one half: a piece of line through every square of the grid whose corners lie on both sides
function contour(outputs, n) {
  if (Math.max(...outputs) - Math.min(...outputs) < 0.02) return "";
  const pieces = [];
  const value = (i, j) => outputs[i * n + j];
  for (let i = 0; i + 1 < n; i++) {
    for (let j = 0; j + 1 < n; j++) {
      const corners = [[i, j], [i, j + 1], [i + 1, j + 1], [i + 1, j]];
      const cuts = [];
      corners.forEach(([a, b], k) => {
        const [c, d] = corners[(k + 1) % 4];
        const [u, v] = [value(a, b), value(c, d)];
        if (u < 0 === v < 0) return;
        const share = u / (u - v);
        cuts.push(`${(b + (d - b) * share + 0.5).toFixed(2)} ${(n - 0.5 - a - (c - a) * share).toFixed(2)}`);
      });
      for (let k = 0; k + 1 < cuts.length; k += 2) pieces.push(`M${cuts[k]}L${cuts[k + 1]}`);
    }
  }
  return pieces.join("");
}

// -- the weights

function weightFigure() {
  const list = make("div", { class: "weights" });
  const shows = training.parameters.map((k, p) => {
    const now = make("div", { class: "now", "data-node": k });
    const history = training.frames.map((frame) => [frame.epoch, data.arrays[frame.weights[p]].v.map(Number)]);
    const lines = history[0][1].length <= 40 ? weightLines(history) : null;
    list.append(make("div", { class: "weight" }, now, lines ? lines.svg : null));
    return (frame) => {
      now.replaceChildren(name(k), sign("="), shown(data.arrays[frame.weights[p]]));
      if (lines) lines.show(frame);
    };
  });
  return { element: figure("weights", list), show: (frame) => shows.forEach((show) => show(frame)) };
}

function weightLines(history) {
  const all = history.flatMap(([, values]) => values).filter(Number.isFinite);
  const pad = { left: 4, right: 4, top: 4, bottom: 4 };
  const scale = scales(Math.min(...all, 0), Math.max(...all, 0), 150, 64, pad);
  const cursor = draw("path", { class: "cursor" });
  const svg = draw("svg", { class: "lines", viewBox: "0 0 150 64", role: "img", "aria-label": "its entries over the epochs" });
  svg.append(draw("path", { class: "axis", d: `M4 ${scale.y(0)}H146` }));
  history[0][1].forEach((_, i) => svg.append(draw("path", { class: "line", d: lineOf(history.map(([epoch, values]) => [epoch, values[i]]), scale) })));
  svg.append(cursor);
  return { svg, show: (frame) => cursor.setAttribute("d", `M${scale.x(frame.epoch)} 2V62`) };
}
