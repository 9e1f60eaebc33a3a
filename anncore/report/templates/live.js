"use strict";
// Fills the page with what the server's events bring. All texts are set as text, never as markup.

const STATUSES = ["ok", "diverged", "failed", "timeout", "crashed"];
const PHASES = { tune: "Tuning", report: "Final runs" };
const STATES = { reading: "reading", running: "running", finished: "finished", stopped: "stopped",
  waiting: "not begun", between: "starting or ending", damaged: "damaged", gone: "gone" };
const parts = new Map();   // by name, such as "0/head"
const views = new Map();   // by run
const chosen = new Set();  // arms
let arms = [], shown = [], asked = null, source = null, fresh = true, timer = 0;
const dirty = new Set();

const $ = (id) => document.getElementById(id);

function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Arms

function styled(number) {
  const place = arms[number] ? arms[number].place : null;
  return place === null ? "other" : `arm-${place}`;
}

const brief = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
const armName = (number) => (arms[number] ? arms[number].name : "");

function swatch(number) {
  const line = draw("line", { x1: 0, y1: 4, x2: 26, y2: 4, class: `swatch ${styled(number)}` });
  return draw("svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, line);
}

function armButton(number) {
  const name = el("span", { className: "name", textContent: armName(number) });
  const button = el("button", { type: "button", className: "arm", data: { arm: number }, title: armName(number),
    onclick: () => choose(number) }, swatch(number), name);
  button.setAttribute("aria-pressed", String(chosen.has(number)));
  return button;
}

function choose(number) {
  if (!chosen.delete(number)) chosen.add(number);
  chosenChanged();
}

function chosenChanged() {
  highlight(document);
  for (const view of views.values()) view.askTrials(true);
}

function highlight(root) {
  for (const node of root.querySelectorAll("[data-arm], [data-arms]")) {
    const numbers = (node.dataset.arms === undefined ? node.dataset.arm : node.dataset.arms).split(",").map(Number);
    const lit = numbers.some((number) => chosen.has(number));
    if (node.tagName === "BUTTON") { node.setAttribute("aria-pressed", String(lit)); continue; }
    node.classList.toggle("lit", lit);
    node.classList.toggle("dim", chosen.size > 0 && !lit);
  }
}

// Words

const percent = (share) => `${Math.round(100 * share)} %`;
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < units.length - 1) { count /= 1000; place += 1; }
  return `${count < 10 && place ? count.toFixed(1) : Math.round(count)} ${units[place]}`;
}

function number(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

// One run folder

class RunView {
  constructor(run) {
    this.run = run;
    this.cells = new Map();
    this.figures = new Map();
    this.shape = "";
    this.start = 0;
    this.name = el("h2", { className: "name", id: `run-${run}` });
    this.state = el("span", { className: "state" });
    this.words = el("p", { className: "words" });
    this.far = el("p", { className: "far" });
    this.bar = el("progress", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", "Share of the sweep that is done");
    this.answer = el("div", { className: "answer", hidden: true });
    this.statuses = el("table");
    this.table = el("table");
    this.more = el("p", { className: "small" });
    this.curves = el("div", { className: "curves" });
    this.caption = el("p", { className: "small" });
    this.errors = el("ul", { className: "errors" });
    this.noErrors = el("p", { className: "small", textContent: "None so far." });
    this.staff = el("p", { className: "staff", hidden: true });
    this.machine = el("p", { className: "small" });
    this.processes = el("table");
    this.makeTrials();
    this.node = el("section", { className: "run" },
      el("div", { className: "top" }, this.name, this.state), this.words, this.far, this.bar, this.answer,
      el("h3", { textContent: "Trials by status" }), this.scroll(this.statuses, "Trials by status"),
      el("h3", { textContent: "Progress by arm and data set" }),
      this.scroll(this.table, "Progress by arm and data set", "tall"), this.more,
      el("h3", { textContent: "Learning curves" }), this.caption, this.curves,
      el("h3", { textContent: "Trials that did not end well" }), this.noErrors, this.errors,
      this.trials,
      el("h3", { textContent: "Machine" }), this.staff, this.machine, this.scroll(this.processes, "Processes"));
    this.node.setAttribute("aria-labelledby", this.name.id);
  }

  scroll(inside, label, more = "") {
    const box = el("div", { className: `scroll ${more}`, tabIndex: 0 }, inside);
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `${label}, run ${this.run + 1}`);
    return box;
  }

  part(name) { return parts.get(`${this.run}/${name}`); }

  update(names) {
    const changed = (name) => names.has(`${this.run}/${name}`) || names.has("all");
    if (changed("head")) this.showHead();
    if (changed("failures")) this.showErrors();
    if (changed("machine")) this.showMachine();
    const problems = this.problems();
    this.showTable(problems, changed);
    this.showCurves(problems, changed);
    if (changed("head")) this.askTrials(false);
  }

  problems() {
    const shape = this.part("shape");
    if (!shape) return [];
    return shape.problems.map((_, place) => place).filter((place) => this.part(`problem/${place}`));
  }

  showHead() {
    const head = this.part("head");
    if (!head) return;
    this.name.textContent = head.name;
    this.state.textContent = STATES[head.state] || head.state;
    this.state.className = `state ${head.state}`;
    this.words.textContent = head.words;
    this.words.classList.toggle("alarm", head.state === "damaged" || head.state === "gone");
    const now = head.running;
    const share = now && now.share ? now.share : head.planned ? head.done / head.planned : 0;
    this.bar.value = share;
    this.far.textContent = now && now.left === null && !now.share
      ? `${PHASES[now.phase]}: starting workers, ${duration(now.elapsed)} so far`
      : now ? `${PHASES[now.phase]}: ${now.done.toFixed(1)} of ${plural(now.total, "trial")}, ${percent(now.share)} of all work, `
        + `${duration(now.elapsed)} so far${now.left === null ? "" : `, about ${duration(now.left)} left`}`
      : `${head.done} of ${plural(head.planned, "trial")} done`;
    this.staff.textContent = head.staff;
    this.staff.hidden = !head.staff;
    this.showStatuses(head.phases);
    this.showReport(head.report);
  }

  showStatuses(phases) {
    const known = [...STATUSES, "missing"];
    const used = known.filter((status) => Object.values(phases).some((counts) => counts[status]));
    const titles = ["phase", ...used.map((status) => (status === "missing" ? "not run" : status))];
    const rows = Object.entries(phases).map(([phase, counts]) => el("tr", {},
      el("th", { scope: "row", textContent: PHASES[phase] }),
      ...used.map((status) => el("td", { className: "num", textContent: String(counts[status] || 0) }))));
    this.statuses.replaceChildren(
      el("thead", {}, el("tr", {}, ...titles.map((title, place) =>
        el("th", { scope: "col", className: place ? "num" : "", textContent: title })))),
      el("tbody", {}, ...rows));
  }

  showReport(report) {
    this.answer.hidden = !report;
    const signature = JSON.stringify(report);
    if (!report || this.answer.dataset.shown === signature) return;
    this.answer.dataset.shown = signature;
    const link = el("a", { href: `runs/${this.run}/report.html`, target: "_blank", rel: "noopener",
      textContent: "Read the report" });
    const older = report.outdated ? " It is older than these trials." : "";
    this.answer.replaceChildren(
      el("p", { textContent: report.headline }), el("p", {}, link, document.createTextNode(older)));
  }

  // The table of arms and data sets

  showTable(problems, changed) {
    const shape = this.part("shape");
    if (!shape) { this.table.replaceChildren(); return; }
    const signature = JSON.stringify([shape.arms, problems.map((place) => shape.problems[place])]);
    if (signature !== this.shape) {
      this.shape = signature;
      this.buildTable(shape, problems);
      changed = () => true;
    }
    for (const place of problems) {
      if (changed(`problem/${place}`) || dirty.has("phase")) this.fillRow(place);
    }
    const left = shape.problems.length - problems.length;
    const notes = [];
    if (left) notes.push(`${plural(left, "more data set")}; name some above to see them.`);
    if (shape.arms_left) notes.push(`${plural(shape.arms_left, "more arm")}; the table of all trials has them.`);
    this.more.textContent = notes.join(" ");
  }

  buildTable(shape, problems) {
    this.cells.clear();
    const head = el("tr", {}, el("th", { scope: "col", textContent: "data set" }),
      ...shape.arms.map((arm) => el("th", { scope: "col", data: { arm } }, armButton(arm))));
    const rows = problems.map((place) => el("tr", {},
      el("th", { scope: "row", className: "name", textContent: brief(shape.problems[place], 60), title: shape.problems[place] }),
      ...shape.arms.map((arm) => {
        const cell = el("td", { className: "cell", data: { arm } });
        this.cells.set(`${place}/${arm}`, cell);
        return cell;
      })));
    this.table.replaceChildren(el("thead", {}, head), el("tbody", {}, ...rows));
    highlight(this.table);
  }

  fillRow(place) {
    const cells = this.part(`problem/${place}`).cells;
    const phase = $("phase").value || (cells.report ? "report" : "tune");
    for (const [arm, total, ...counts] of cells[phase] || []) {
      const cell = this.cells.get(`${place}/${arm}`);
      if (!cell) continue;
      const done = counts.reduce((sum, count) => sum + count, 0);
      const bad = done - counts[0];
      const text = `${done}/${total}`;
      const signature = `${text} ${counts}`;
      if (cell.dataset.shown === signature) continue;
      cell.dataset.shown = signature;
      const bar = draw("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
        draw("rect", { class: "bar", width: 100, height: 8 }),
        draw("rect", { class: "full", width: (100 * counts[0]) / total, height: 8 }),
        draw("rect", { class: "bad", x: (100 * counts[0]) / total, width: (100 * bad) / total, height: 8 }));
      const lost = STATUSES.slice(1).map((status, i) => (counts[i + 1] ? `${counts[i + 1]} ${status}` : "")).filter(Boolean);
      cell.replaceChildren(document.createTextNode(text), bar,
        ...(lost.length ? [el("span", { className: "lost", textContent: lost.join(", ") })] : []));
    }
    for (const [key, cell] of this.cells) {
      const [where, arm] = key.split("/").map(Number);
      if (where === place && !(cells[phase] || []).some((row) => row[0] === arm)) {
        cell.replaceChildren("–");
        delete cell.dataset.shown;
      }
    }
  }

  // Learning curves

  showCurves(problems, changed) {
    const shape = this.part("shape");
    const drawn = problems.filter((place) => this.part(`problem/${place}`).lines.length);
    for (const [place, figure] of this.figures) {
      if (!drawn.includes(place)) { figure.remove(); this.figures.delete(place); }
    }
    let before = null;
    for (const place of drawn) {
      let figure = this.figures.get(place);
      const isNew = !figure;
      if (isNew) {
        figure = el("figure");
        this.figures.set(place, figure);
        if (before) before.after(figure); else this.curves.prepend(figure);
      }
      if (isNew || changed(`problem/${place}`)) {
        drawCurves(figure, shape.problems[place], this.part(`problem/${place}`), this.run, place);
        highlight(figure);
      }
      before = figure;
    }
    this.caption.textContent = drawn.length
      ? "Each line is the median over seeds of an arm's best configuration so far, of trials that have ended."
      : "They come with the first trials that end.";
  }

  // Errors

  showErrors() {
    const failures = this.part("failures");
    if (!failures) return;
    const signature = JSON.stringify([failures, arms.length]);
    if (this.errors.dataset.shown === signature) return;
    this.errors.dataset.shown = signature;
    const open = new Set([...this.errors.querySelectorAll("details[open]")].map((node) => node.dataset.key));
    this.noErrors.hidden = failures.groups.length > 0;
    const items = failures.groups.map((group) => {
      const key = `${group.status} ${group.line}`;
      const summary = el("summary", {}, `${plural(group.count, "trial")} ${group.status}`,
        ...(group.line ? [": ", el("span", { className: "name", textContent: group.line })] : []));
      const examples = el("p", { className: "small" },
        `${group.arms.map((arm) => brief(armName(arm), 40)).join(", ")}; such as ${group.examples.join("; ")}`);
      return el("li", { data: { arms: group.arms.join(",") } },
        el("details", { data: { key }, open: open.has(key) }, summary, examples,
          ...(group.text ? [el("pre", { textContent: group.text })] : [])));
    });
    if (failures.more) items.push(el("li", { textContent: `${plural(failures.more, "other error")}` }));
    this.errors.replaceChildren(...items);
    highlight(this.errors);
  }

  // The table of trials

  makeTrials() {
    const options = [["", "all"], ["missing", "not run"], ...STATUSES.map((status) => [status, status])];
    this.status = el("select", { onchange: () => this.turn(0) },
      ...options.map(([value, text]) => el("option", { value, textContent: text })));
    this.back = el("button", { type: "button", textContent: "Earlier", onclick: () => this.turn(this.start - this.page) });
    this.on = el("button", { type: "button", textContent: "Later", onclick: () => this.turn(this.start + this.page) });
    this.page = 50;
    this.range = el("span");
    this.list = el("table");
    const controls = el("div", { className: "controls" },
      el("label", {}, "Status ", this.status), this.back, this.on, this.range);
    this.trials = el("details", { ontoggle: () => this.askTrials(true) },
      el("summary", {}, el("strong", { textContent: "All trials, by status, arm and data set" })), controls,
      this.scroll(this.list, "Trials", "tall"));
  }

  turn(start) {
    this.start = Math.max(0, start);
    this.askTrials(true);
  }

  async askTrials(now) {
    if (!this.trials.open || this.asking || (!now && performance.now() < (this.next || 0))) {
      this.again = this.again || (now && this.asking);
      return;
    }
    this.asking = true;
    this.next = performance.now() + 3000;
    const wanted = new URLSearchParams({ status: this.status.value, phase: $("phase").value, find: $("find").value,
      arms: [...chosen].join(","), start: this.start });
    try {
      const answer = await fetch(`runs/${this.run}/trials?${wanted}`);
      if (answer.ok) this.showTrials(await answer.json());
    } catch { /* the server is gone, which the line at the top says */ }
    this.asking = false;
    if (this.again) { this.again = false; this.askTrials(true); }
  }

  showTrials(answer) {
    this.start = answer.start;
    this.page = answer.page;
    const end = answer.start + answer.rows.length;
    this.range.textContent = answer.total ? `${answer.start + 1} to ${end} of ${answer.total}` : "none";
    this.back.disabled = answer.start === 0;
    this.on.disabled = end >= answer.total;
    const titles = ["trial", "phase", "data set", "arm", "configuration", "seed", "status", "last value", "steps", "seconds"];
    const rows = answer.rows.map((row) => {
      const status = row.status === "missing" ? "not run" : row.status;
      const what = el("td", {}, status, ...(row.error ? [el("pre", { textContent: row.error })] : []));
      const cells = [row.key, PHASES[row.phase], row.problem, armName(row.arm), row.config, row.seed];
      const numbers = [row.score, row.steps, row.seconds];
      return el("tr", { data: { arm: row.arm } },
        ...cells.map((text) => el("td", { className: "name", textContent: text })), what,
        ...numbers.map((value) => el("td", { className: "num", textContent: value === null ? "" : number(value) })));
    });
    this.list.replaceChildren(
      el("thead", {}, el("tr", {}, ...titles.map((title) => el("th", { scope: "col", textContent: title })))),
      el("tbody", {}, ...rows));
    highlight(this.list);
  }

  // The machine

  showMachine() {
    const machine = this.part("machine");
    if (!machine) return;
    const words = [];
    if (machine.load) words.push(`load ${machine.load.map((value) => value.toFixed(1)).join(", ")} (1, 5, 15 min) on ${plural(machine.cores, "core")}`);
    if (machine.memory) words.push(`${bytes(machine.free)} of ${bytes(machine.memory)} memory free`);
    if (machine.disk !== null) words.push(`${bytes(machine.disk)} disk free`);
    this.machine.textContent = words.join("; ");
    const titles = ["process", "number", "CPU", "memory"];
    this.processes.parentNode.hidden = !machine.processes.length;
    this.processes.replaceChildren(
      el("thead", {}, el("tr", {}, ...titles.map((title) => el("th", { scope: "col", textContent: title })))),
      el("tbody", {}, ...machine.processes.map((one) => el("tr", {},
        el("th", { scope: "row", textContent: one.role }),
        el("td", { className: "num", textContent: String(one.pid) }),
        el("td", { className: "num", textContent: one.cpu === null ? "" : percent(one.cpu) }),
        el("td", { className: "num", textContent: bytes(one.memory) })))));
  }
}

function ticks(low, high, log) {
  if (log) {
    const powers = [];
    for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power += 1) powers.push(10 ** power);
    if (powers.length > 1) return powers.filter((_, place) => place % Math.ceil(powers.length / 4) === 0);
    return [low, Math.sqrt(low * high), high];
  }
  const most = (high - low) / 2;  // so that there are at least two
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [5, 2, 1].map((factor) => factor * power).find((size) => size <= most) || power;
  const values = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-9; place += 1) values.push(place * step);
  return values;
}

function drawCurves(figure, problem, part, run, place) {
  const [left, right, top, bottom] = [46, 314, 8, 168];
  const values = part.lines.flatMap((line) => line.values);
  const steps = part.lines.flatMap((line) => line.steps);
  let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const log = low > 0 && high / low > 20;
  if (low === high) { low -= Math.abs(low) / 10 || 1; high += Math.abs(high) / 10 || 1; }
  const last = steps.reduce((a, b) => Math.max(a, b)) || 1;
  const scale = log ? Math.log10 : (value) => value;
  const x = (step) => left + ((right - left) * step) / last;
  const y = (value) => bottom - ((bottom - top) * (scale(value) - scale(low))) / (scale(high) - scale(low));
  const picture = draw("svg", { viewBox: "0 0 320 190", role: "img", "aria-labelledby": `curves-${run}-${place}` });
  for (const value of ticks(low, high, log)) {
    picture.append(draw("line", { class: "rule", x1: left, x2: right, y1: y(value), y2: y(value) }),
      draw("text", { class: "tick", x: left - 4, y: y(value) + 3, "text-anchor": "end" }, number(value)));
  }
  for (const step of [0, last]) {
    picture.append(draw("text", { class: "tick", x: x(step), y: bottom + 13, "text-anchor": step ? "end" : "start" }, String(step)));
  }
  picture.append(draw("text", { class: "tick", x: (left + right) / 2, y: bottom + 13, "text-anchor": "middle" }, "steps"),
    draw("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }));
  const ends = [];
  for (const line of [...part.lines].sort((a, b) => a.arm - b.arm)) {
    const points = line.steps.map((step, i) => `${x(step).toFixed(1)} ${y(line.values[i]).toFixed(1)}`);
    const d = `M${points.length > 1 ? points.join("L") : `${points[0]}h3`}`;
    const end = `${brief(armName(line.arm), 24)} ${number(line.values[line.values.length - 1])}`;
    const title = `${end} (${line.config || "no settings"}; ${plural(line.seeds, "seed")})`;
    const path = draw("path", { class: `curve ${styled(line.arm)}`, d });
    const hit = draw("path", { class: "hit", d }, draw("title", {}, title));
    for (const node of [path, hit]) {
      node.dataset.arm = line.arm;
      node.addEventListener("click", () => choose(line.arm));
    }
    picture.append(path, hit);
    ends.push(end);
  }
  const phase = part.phase === "report" ? "final runs" : "tuning";
  figure.replaceChildren(el("h4", { className: "name", textContent: brief(problem, 60), title: problem }), picture,
    el("figcaption", { id: `curves-${run}-${place}` }, `${part.metric}${log ? ", logarithmic" : ""}, ${phase}: ${ends.join(", ")}`));
}

// The whole page

function showArms() {
  const own = new Set(shown.flatMap((run) => (parts.get(`${run}/shape`) || { arms: [] }).arms));
  const numbers = arms.map((_, place) => place).filter((place) => own.has(place));
  const box = $("arms");
  const signature = JSON.stringify(numbers.map((place) => arms[place]));
  if (box.dataset.shown === signature) return;
  box.dataset.shown = signature;
  const focused = document.activeElement && document.activeElement.dataset.arm;
  const inside = box.contains(document.activeElement);
  box.replaceChildren(...numbers.map(armButton));
  if (inside) { const again = box.querySelector(`[data-arm="${focused}"]`); if (again) again.focus(); }
  for (const view of views.values()) view.shape = "";
}

function showRuns() {
  const index = parts.get("index") || [];
  const signature = JSON.stringify([index.map((one) => [one.run, one.name]), shown]);
  const box = $("which");
  if (box.dataset.shown !== signature) {
    box.dataset.shown = signature;
    const focused = document.activeElement && document.activeElement.value;
    const inside = box.contains(document.activeElement);
    box.replaceChildren(box.firstElementChild, ...index.map((one) => el("label", {},
      el("input", { type: "checkbox", value: String(one.run), checked: shown.includes(one.run), onchange: pick }), " ",
      el("span", { className: "name", textContent: one.name }))));
    if (inside) { const again = box.querySelector(`input[value="${focused}"]`); if (again) again.focus(); }
  }
  $("left").textContent = parts.get("left") || "";
  $("left").hidden = !parts.get("left");
  for (const [run, view] of views) {
    if (!shown.includes(run)) { view.node.remove(); views.delete(run); }
  }
  for (const run of shown) {
    if (views.has(run)) continue;
    const view = new RunView(run);
    views.set(run, view);
    $("runs").append(view.node);
    dirty.add("all");
  }
}

function pick() {
  asked = [...$("which").querySelectorAll("input:checked")].map((box) => Number(box.value));
  connect();
}

function render() {
  timer = 0;
  arms = parts.get("arms") || [];
  showRuns();
  showArms();
  for (const run of shown) views.get(run).update(dirty);
  dirty.clear();
  const running = shown.map((run) => parts.get(`${run}/head`)).filter((head) => head && head.running);
  document.title = running.length ? `${percent(running[0].running.share)} ${running[0].name}` : "annx: runs";
}

function later(...names) {
  for (const name of names) dirty.add(name);
  if (!timer) timer = setTimeout(render, 0);
}

function link(text, lost) {
  $("link").textContent = text;
  $("link").classList.toggle("lost", lost);
}

function connect() {
  if (source) source.close();
  const wanted = new URLSearchParams({ find: $("find").value });
  if (asked !== null) wanted.set("runs", asked.join(","));
  source = new EventSource(`events?${wanted}`);
  const own = source;
  source.addEventListener("open", () => { fresh = true; link("Live", false); });
  source.addEventListener("error", () => {
    link("The connection is lost; trying again. If annx serve has ended, start it again and open its new address.", true);
    if (own.readyState === EventSource.CLOSED) setTimeout(() => { if (own === source) connect(); }, 3000);
  });
  source.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    if (fresh) { parts.clear(); fresh = false; dirty.add("all"); }
    shown = news.runs;
    for (const [name, part] of Object.entries(news.parts)) parts.set(name, part);
    later(...Object.keys(news.parts));
  });
}

let typing = 0;
$("find").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(connect, 300); });
$("phase").addEventListener("change", () => {
  later("phase");
  for (const view of views.values()) view.turn(0);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen.size) { chosen.clear(); chosenChanged(); }
});
connect();
