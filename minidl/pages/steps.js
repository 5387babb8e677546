"use strict";
// Steps through what a picture notes: each call and what the tape writes down of it, then the sweep that takes it off.

const STEPS_TEXT = {
  forward: ["forward", "순전파"],
  backward: ["backward", "역전파"],
  tape: ["The tape", "테이프"],
  empty: ["(nothing on it)", "(비어 있음)"],
  program: ["The compiled program", "컴파일된 프로그램"],
  first: ["to the beginning", "처음으로"],
  back: ["one step back", "한 단계 앞으로"],
  next: ["one step on", "다음 단계"],
  play: ["play", "재생"],
  pause: ["pause", "멈춤"],
  slider: ["step", "단계"],
  call: ["Forward. {call} is called; its value:", "순전파. {call}을(를) 계산합니다. 그 값:"],
  written: [
    "The tape writes down an edge to each input whose gradient is wanted, and keeps what its rule will need.",
    "테이프는 기울기를 구할 입력마다 간선을 하나씩 적고, 그 미분 규칙에 필요한 값을 간직합니다."],
  unwritten: [
    "Nothing goes in whose gradient is wanted, so the tape writes nothing down.",
    "기울기를 구할 입력이 없으므로 테이프에 적을 것이 없습니다."],
  begin: ["The sweep begins with the gradient of {tensor} by itself:", "역전파를 시작합니다. {tensor}을(를) 자신으로 미분한 값:"],
  rule: [
    "Backward. The last edge, {edge}, is taken off the tape, and its rule applied: {rule}",
    "역전파. 테이프의 마지막 간선 {edge}을(를) 떼어 내고 미분 규칙을 적용합니다: {rule}"],
  adds: [
    "{tensor} went into several calls: this part is added to what other paths have brought.",
    "{tensor}은(는) 여러 연산에 들어갔습니다. 다른 길로 온 기울기에 이 몫을 더합니다."],
  summed: [
    "{tensor} was broadcast, so what the rule gives is larger; it is summed to the shape of {tensor}.",
    "{tensor}은(는) 브로드캐스팅되었으므로 규칙이 준 값이 더 큽니다. {tensor}의 모양이 되도록 더합니다."],
  repeated: [
    "One number is the gradient of many entries, so it is repeated to the shape of {tensor}.",
    "여러 성분의 기울기가 같은 수이므로 {tensor}의 모양이 되도록 되풀이합니다."],
  keeps: ["keeps {kept}", "{kept}을(를) 간직"],
  nothing_kept: ["keeps nothing", "간직하는 값 없음"],
};

// Words that minidl puts beside formulas.
const FORMULA_WORDS = {
  "summed to": "다음 모양으로 더함:", "repeated to": "다음 모양으로 되풀이:", "by a rule of its own": "직접 정한 미분 규칙",
};

function stepper(root, steps, language, program = []) {
  let now = 0, timer = 0, words = 0;
  const t = (key, values = {}) =>
    STEPS_TEXT[key][words].replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
  const spoken = (text) => (words ? Object.entries(FORMULA_WORDS) : []).reduce((said, pair) => said.replace(...pair), text);
  const calls = steps.filter((step) => step.kind === "call");
  const gradients = steps.filter((step) => step.kind === "gradient");
  const rules = gradients.filter((step) => step.sources.length);
  const tape = [...rules].reverse();  // a sweep takes off the last edge first
  const events = [...calls, ...gradients];
  const value = {};  // of each name, when it is complete
  for (const step of steps) value[step.name] = step.value;
  const make = (tag, look = "", text = "") => Object.assign(document.createElement(tag), { className: look, textContent: text });

  root.classList.add("stepper");
  root.innerHTML = `<div class="controls"><button class="first">|◀</button><button class="back">◀</button>
    <input type="range" min="0" max="${events.length - 1}" value="0"><button class="next">▶</button>
    <button class="play"></button><span class="count mono"></span></div>
    <div class="say panel" aria-live="polite"></div>
    <div class="board"><div class="panel"><div class="pair heads"><h3></h3><h3></h3></div><div class="graph"></div></div>
    <div class="side wide"><div class="tape panel"><h3></h3><ol></ol></div>
    <div class="program panel" hidden><h3></h3></div></div></div>`;
  const find = (query) => root.querySelector(query);
  const graph = find(".graph"), slider = find("input"), say = find(".say");
  find(".heads").style.cssText = "display: grid; grid-template-columns: 1fr 1fr; text-align: center";

  // The graph: a row for each tensor, its gradient beside it.
  const left = {}, right = {}, row = {};
  for (const step of steps) {
    if (step.kind === "gradient") continue;
    const pair = graph.appendChild(make("div", "pair"));
    left[step.name] = pair.appendChild(make("div", `box ${step.kind} mono`));
    row[step.name] = Object.keys(row).length;
    if (gradients.some((each) => each.tensor === step.name)) {
      right[step.name] = pair.appendChild(make("div", "box gradient mono"));
    }
  }
  const lines = graph.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));

  function fill(box, title, texts, shown, look) {
    box.replaceChildren(make("b", "", title), ...texts.map((text) => make("div", "", text)));
    if (look) box.append(make("div", "look", look));
    if (shown) box.append(make("div", "value", shown.join("\n")));
  }

  function arrow(from, to, around, color, dashed, strong) {
    const area = graph.getBoundingClientRect(), a = from.getBoundingClientRect(), b = to.getBoundingClientRect();
    const down = b.top > a.top ? 1 : -1;
    const middle = (box) => box.top + box.height / 2 - area.top;
    let path, tip;
    if (around === 0) {  // across
      const x = a.right - area.left, toX = b.left - area.left - 6, y = middle(a), toY = middle(b), half = (x + toX) / 2;
      path = `M${x},${y} C${half},${y} ${half},${toY} ${toX},${toY}`;
      tip = `M${toX + 6},${toY} l-7,-3 v6 z`;
    } else if (Math.abs(row[from.dataset.name] - row[to.dataset.name]) === 1) {
      const x = a.left + a.width / 2 - area.left;
      const y = (down > 0 ? a.bottom : a.top) - area.top, toY = (down > 0 ? b.top : b.bottom) - area.top;
      path = `M${x},${y} V${toY - 5 * down}`;
      tip = `M${x},${toY} l-3,${-7 * down} h6 z`;
    } else {
      const side = around < 0 ? "left" : "right", gutter = parseFloat(getComputedStyle(graph).paddingLeft) - 4;
      const reach = Math.min(gutter, 6 + 7 * Math.sqrt(Math.abs(row[from.dataset.name] - row[to.dataset.name]))) * 4 / 3;
      const x = a[side] - area.left, toX = b[side] - area.left, y = middle(a) + 5 * down, toY = middle(b) - 5 * down;
      path = `M${x},${y} C${x + around * reach},${y} ${toX + around * reach},${toY} ${toX + around * 6},${toY}`;
      tip = `M${toX},${toY} l${around * 7},-3 v6 z`;
    }
    const style = `stroke="var(--${color})" stroke-width="${strong ? 2.6 : 1.2}" opacity="${strong ? 1 : 0.55}"`;
    return `<path d="${path}" fill="none" ${style} ${dashed ? 'stroke-dasharray="4 3"' : ""}/>` +
      `<path d="${tip}" fill="var(--${color})" opacity="${strong ? 1 : 0.55}"/>`;
  }

  function draw() {
    const current = events[now], done = new Set(events.slice(0, now + 1));
    let drawn = "";
    for (const step of calls) {
      for (const name of step.sources) drawn += arrow(left[name], left[step.name], -1, "call", false, step === current);
    }
    for (const step of rules) {
      const isDone = done.has(step), isWritten = done.has(calls.find((call) => call.name === step.sources[0]));
      if (isDone) drawn += arrow(right[step.sources[0]], right[step.tensor], 1, "gradient", false, step === current);
      for (const name of step.kept) {
        const isNew = current.kind === "call" && current.name === step.sources[0];
        if (isWritten) drawn += arrow(left[name], right[step.tensor], 0, "data", true, step === current || isNew);
      }
    }
    lines.innerHTML = drawn;
  }

  const edge = (step) => `${step.sources[0]} → ${step.tensor}`;

  // A formula with numbers in it, where it works entry by entry on single numbers.
  function substituted(text) {
    const names = (text.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []).filter((name) => value[name]);
    const isSingle = names.length && names.every((name) => value[name].length === 1 && !/[ (]/.test(value[name][0]));
    return isSingle && text !== names[0] ? text.replace(/[\p{L}_][\p{L}\p{N}_]*/gu, (name) => value[name]?.[0] ?? name) : "";
  }

  function tell(current) {
    const parts = [], list = [];
    const fact = (name, shown) => list.push([name, shown.join(shown.length > 1 ? " | " : "")]);
    if (current.kind === "call") {
      parts.push(t("call", { call: `${current.name} = ${current.text}` }));
      current.sources.forEach((name) => fact(name, value[name]));
      fact(current.name, current.value);
      parts.push(t(tape.some((step) => step.sources[0] === current.name) ? "written" : "unwritten"));
    } else if (!current.sources.length) {
      parts.push(t("begin", { tensor: current.tensor }));
      fact(current.name, current.value);
    } else {
      const formula = current.text.replace(/, (summed|repeated) to .*/, "");
      parts.push(t("rule", { edge: edge(current), rule: `${current.name} ${current.sign} ${spoken(formula)}` }));
      const names = new Set(current.text.match(/[\p{L}_][\p{L}\p{N}_]*/gu).map((name) => name.replace("ᵀ", "")));
      for (const name of names) if (value[name] && name !== current.name) fact(name, value[name]);
      if (current.sign === "+=") parts.push(t("adds", { tensor: current.tensor }));
      if (current.text.includes(", summed to")) parts.push(t("summed", { tensor: current.tensor }));
      if (current.text.includes(", repeated to")) parts.push(t("repeated", { tensor: current.tensor }));
      const filled = substituted(formula);
      if (filled) fact(current.name, [filled]);
      fact(current.name, current.value);
    }
    if (current.note) parts.push(current.note[words]);
    say.replaceChildren(...parts.filter(Boolean).map((text) => make("div", "", text)));
    const numbers = say.appendChild(make("div", "numbers mono"));
    for (const [name, shown] of list) {
      const line = numbers.appendChild(make("div"));
      line.append(make("b", "", `${name} =`), make("span", "", shown));
    }
  }

  function show(step) {
    now = Math.max(0, Math.min(events.length - 1, step));
    const current = events[now], done = new Set(events.slice(0, now + 1));
    const kept = new Set(current.kind === "call"
      ? tape.filter((each) => each.sources[0] === current.name).flatMap((each) => each.kept) : current.kept);
    for (const each of steps) {
      if (each.kind === "gradient") continue;
      const box = left[each.name], isDone = each.kind !== "call" || done.has(each);
      box.dataset.name = each.name;
      fill(box, each.kind === "call" ? `${each.name} = ${each.text}` : each.name, [], isDone ? each.value : null,
        each.value[0] === each.look ? "" : each.look);
      box.classList.toggle("later", !isDone);
      box.classList.toggle("active", each === current);
      box.classList.toggle("keeping", kept.has(each.name));
      const beside = right[each.name];
      if (!beside) continue;
      beside.dataset.name = each.name;
      const parts = gradients.filter((part) => part.tensor === each.name && done.has(part));
      const texts = parts.filter((part) => part.sources.length).map((part) => `${part.sign} ${spoken(part.text)}`);
      fill(beside, `d${each.name}`, texts, parts.length ? parts.at(-1).value : null, "");
      beside.style.visibility = parts.length ? "visible" : "hidden";
      beside.classList.toggle("active", current.kind === "gradient" && current.tensor === each.name);
    }
    const written = tape.filter((each) => calls.some((call) => call.name === each.sources[0] && done.has(call)));
    const items = written.filter((each) => !done.has(each) || each === current).map((each) => {
      const item = make("li", "mono", edge(each));
      item.classList.toggle("new", current.kind === "call" && each.sources[0] === current.name);
      item.classList.toggle("taken", each === current);
      const keeps = each.kept.length ? t("keeps", { kept: each.kept.join(", ") }) : t("nothing_kept");
      item.append(make("div", "kept", keeps));
      return item;
    });
    find(".tape ol").replaceChildren(...(items.length ? items : [make("li", "kept", t("empty"))]));
    root.querySelectorAll(".program button").forEach((button) => {
      button.classList.toggle("tied", button.dataset.name === current.name);
    });
    slider.value = now;
    slider.setAttribute("aria-valuetext", `${current.name} (${now + 1}/${events.length})`);
    find(".count").textContent = `${now + 1}/${events.length}`;
    find(".back").disabled = find(".first").disabled = now === 0;
    find(".next").disabled = now === events.length - 1;
    tell(current);
    draw();
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    find(".play").textContent = t("play");
  }

  function say_in(wanted) {
    words = wanted === "ko" ? 1 : 0;
    const [forward, backward] = root.querySelectorAll(".heads h3");
    forward.textContent = t("forward");
    backward.textContent = t("backward");
    find(".tape h3").textContent = t("tape");
    find(".program h3").textContent = t("program");
    for (const name of ["first", "back", "next"]) find(`.${name}`).setAttribute("aria-label", t(name));
    slider.setAttribute("aria-label", t("slider"));
    find(".play").textContent = t(timer ? "pause" : "play");
    show(now);
  }

  slider.addEventListener("input", () => { stop(); show(+slider.value); });
  find(".first").addEventListener("click", () => { stop(); show(0); });
  find(".back").addEventListener("click", () => { stop(); show(now - 1); });
  find(".next").addEventListener("click", () => { stop(); show(now + 1); });
  find(".play").addEventListener("click", () => {
    if (timer) return stop();
    if (now === events.length - 1) show(0);
    timer = setInterval(() => (now === events.length - 1 ? stop() : show(now + 1)), 1200);
    find(".play").textContent = t("pause");
  });
  for (const line of program) {
    const button = find(".program").appendChild(make("button", "", line.text));
    button.dataset.name = line.name;
    const place = events.findLastIndex((step) => step.name === line.name);
    if (place >= 0) button.addEventListener("click", () => { stop(); show(place); });
    else button.disabled = true;
  }
  find(".program").hidden = !program.length;
  new ResizeObserver(draw).observe(graph);
  say_in(language);
  return { say_in, show, count: events.length };
}
