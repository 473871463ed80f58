// What moves the page: buttons, keys, sliders, clicks.

const element = (id) => document.getElementById(id);
const isStill = matchMedia("(prefers-reduced-motion: reduce)");
const PAUSE = 1800; // milliseconds per step
const last = data.steps.length - 1;
let playing = null;
let whole = true;

function icon(kind) {
  const shapes = {
    first: "M5 4V20M19 4L8 12L19 20z", back: "M17 4L6 12L17 20z", play: "M7 4L19 12L7 20z", pause: "M8 4V20M16 4V20",
    forward: "M7 4L18 12L7 20z", last: "M19 4V20M5 4L16 12L5 20z",
  };
  return draw("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: `icon for-${kind}` }, draw("path", { d: shapes[kind] }));
}

function go(step) {
  state.step = Math.max(0, Math.min(last, step));
  render(true);
}

function render(moved) {
  const { element: content, text } = panel(state.step);
  element("step").replaceChildren(...content);
  if (moved) element("step").scrollTop = 0;
  showGraph(state.step);
  if (moved && !whole) follow(!isStill.matches);
  element("slider").value = state.step;
  element("slider").setAttribute("aria-valuetext", text);
  element("count").textContent = `step ${state.step} of ${last}`;
  element("status").textContent = `Step ${state.step} of ${last}. ${text}`;
  remember();
  for (const [id, off] of [["first", 0], ["back", 0], ["forward", last], ["last", last]]) element(id).setAttribute("aria-disabled", state.step === off);
}

// -- a link to a step: page.html#step=5, and of a training page.html#step=5&epoch=20

let remembering = null;

function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const epoch = training ? `&epoch=${training.frames[state.frame].epoch}` : "";
    try {
      history.replaceState(null, "", `#step=${state.step}${epoch}`);
    } catch {
      // a page inside of another, as in a notebook, has no address of its own
    }
  }, 300); // browsers refuse an address that changes too often
}

function linked() {
  const at = new URLSearchParams(location.hash.slice(1));
  const frame = training ? training.frames.findLastIndex((one) => one.epoch <= Number(at.get("epoch"))) : 0;
  return { step: Math.max(0, Math.min(last, Math.trunc(Number(at.get("step"))) || 0)), frame: Math.max(0, frame) };
}

// -- on paper: every step, one after the other

const PRINTED = 200; // steps

function print() {
  const steps = data.steps.length > PRINTED ? [state.step] : data.steps.keys();
  element("printed").replaceChildren(...[...steps].map((s) => make("section", {}, ...panel(s).element)));
}

// -- playing

function play(button, forward, hasMore) {
  if (playing) return pause();
  const tick = () => (hasMore() ? forward() : pause());
  playing = { timer: setInterval(tick, button.id === "play" ? PAUSE : PAUSE / 8), button, label: button.getAttribute("aria-label") };
  button.replaceChildren(icon("pause"));
  button.setAttribute("aria-label", "pause");
}

function pause() {
  if (!playing) return;
  clearInterval(playing.timer);
  playing.button.replaceChildren(icon("play"));
  playing.button.setAttribute("aria-label", playing.label);
  playing = null;
}

function togglePlay() {
  if (!playing) go(state.step === last ? 0 : state.step + 1);
  play(element("play"), () => go(state.step + 1), () => state.step < last);
}

const moves = { first: () => go(0), back: () => go(state.step - 1), forward: () => go(state.step + 1), last: () => go(last) };
// ↑ and ↓ scroll, as everywhere; a presenter's remote control sends PageUp and PageDown
const keys = { ArrowLeft: "back", PageUp: "back", ArrowRight: "forward", PageDown: "forward", Home: "first", End: "last" };

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.type === "range") return; // a slider has its own keys
  if (event.key === " " && !event.target.closest("button")) togglePlay();
  else if (keys[event.key]) {
    pause();
    moves[keys[event.key]]();
  } else return;
  event.preventDefault();
}

// -- the training

function choose(view, frame) {
  state.frame = frame;
  const shownFrame = training.frames[frame];
  state.pass = shownFrame.pass;
  view.slider.value = frame;
  const withPass = training.frames.find((other) => other.pass === shownFrame.pass);
  view.output.textContent = frameText(shownFrame);
  view.slider.setAttribute("aria-valuetext", frameText(shownFrame));
  element("of-epoch").textContent = `One pass, at epoch ${withPass.epoch}`;
  view.show();
  render(false);
}

function beginTraining(frame) {
  const view = buildTraining(element("training"), (frame) => {
    pause();
    choose(view, frame);
  });
  const end = training.frames.length - 1;
  view.play.addEventListener("click", () => {
    if (!playing) choose(view, state.frame === end ? 0 : state.frame);
    play(view.play, () => choose(view, state.frame + 1), () => state.frame < end);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", view.show);
  element("training").append(make("h2", { id: "of-epoch" }));
  document.body.classList.add("trains");
  choose(view, frame);
  return (wanted) => choose(view, wanted);
}

// -- the beginning

function fitted(wanted) {
  whole = wanted;
  sized(whole);
  element("fit").setAttribute("aria-pressed", whole);
  if (!whole) follow(false);
}

function begin() {
  for (const id of ["first", "back", "play", "forward", "last"]) element(id).append(icon(id));
  for (const id of Object.keys(moves)) element(id).addEventListener("click", () => (pause(), moves[id]()));
  element("play").addEventListener("click", togglePlay);
  element("slider").max = last;
  element("slider").addEventListener("input", () => (pause(), go(Number(element("slider").value))));
  element("halves").append(...[["forward", halfway], ["backward", last - halfway]].map(([kind, share]) => {
    const part = make("span", { class: kind }, kind);
    part.style.flexGrow = share;
    return part;
  }));
  buildGraph(element("graph"), (step) => (pause(), go(step)));
  const { step, frame } = linked();
  const chosen = training ? beginTraining(frame) : () => {};
  go(step);
  const fitting = sized(true);
  fitted(fitting >= 0.62);
  element("fit").addEventListener("click", () => fitted(!whole));
  addEventListener("resize", () => fitted(whole));
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", () => {
    const wanted = linked();
    pause();
    chosen(wanted.frame);
    go(wanted.step);
  });
  addEventListener("beforeprint", print);
  addEventListener("afterprint", () => element("printed").replaceChildren());
}

begin();
