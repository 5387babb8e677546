"use strict";
// The lesson in motion: the line and its loss, a step of the training, and what minidl made of it.

const PAGE_TEXT = {
  title: ["How many people will see Okja?", "옥자의 관객수는 몇 명일까?"],
  intro: [
    "Four films: how many users of the service Watcha wanted to see each, and how many people came, in units of 10,000. A straight line through them predicts the fifth, Okja. All figures here were computed by minidl; what moves is computed as minidl does it.",
    "영화 네 편의 왓챠 ‘보고 싶어요’ 수와 관객수(만 명)입니다. 네 점 사이를 지나는 직선으로 다섯째 영화 〈옥자〉의 관객수를 예측합니다. 이 페이지의 수는 모두 minidl이 계산한 것이고, 움직일 때의 계산도 minidl과 같습니다."],
  line: ["A line, and how wrong it is", "직선, 그리고 얼마나 틀렸는지"],
  line_text: [
    "The line is: audience = weight · wishes + bias. Each square stands on the difference between what it predicts and what was; the loss is the mean of the four squares. On the right, the same loss over the weight.",
    "직선은 관객수 = 가중치 · 보고 싶어요 + 편향입니다. 예측과 실제의 차이마다 정사각형이 서 있고, 손실은 네 정사각형 넓이의 평균입니다. 오른쪽은 가중치에 따른 손실입니다."],
  films_chart: ["Wishes and audiences", "보고 싶어요와 관객수"],
  loss_chart: ["The loss over the weight", "가중치에 따른 손실"],
  weight: ["weight", "가중치"],
  bias: ["bias", "편향"],
  rate: ["learning rate", "학습률"],
  one: ["One step", "한 걸음"],
  play: ["Play 100 epochs", "100 에폭 재생"],
  stop: ["Stop", "멈춤"],
  start: ["Back to the start", "처음으로"],
  epoch: ["epoch", "에폭"],
  loss: ["loss", "손실"],
  okja: ["Okja, predicted", "옥자 예측(만 명)"],
  slope_weight: ["gradient, weight", "가중치의 기울기"],
  slope_bias: ["gradient, bias", "편향의 기울기"],
  tangent: ["slope {slope}", "기울기 {slope}"],
  moved: [
    "weight ← {before} − {rate} · ({slope}) = {after}",
    "가중치 ← {before} − {rate} · ({slope}) = {after}"],
  ran_away: [
    "The training ran away: each step overshot, and the next was longer still. Try a smaller learning rate.",
    "학습이 발산했습니다. 걸음마다 지나쳐서 다음 걸음이 더 커졌습니다. 학습률을 줄여 보세요."],
  right: ["Right.", "맞았습니다."],
  wrong: ["Not quite.", "아닙니다."],
  ask_weight: [
    "Before you go on: the weight begins at {weight}. Which way will the first step move it?",
    "먼저 생각해 봅시다. 가중치는 {weight}에서 시작합니다. 첫걸음에서 가중치는 어느 쪽으로 움직일까요?"],
  up: ["Up: it grows", "커진다"],
  down: ["Down: it falls", "작아진다"],
  stays: ["It stays where it is", "그대로이다"],
  answer_weight: [
    "The loss falls to the right: its slope over the weight is {slope}, and a step goes against the slope. The weight grows by {rate} · {size} = {step}.",
    "손실은 오른쪽으로 갈수록 줄어듭니다. 가중치에 대한 기울기가 {slope}이고 걸음은 기울기의 반대쪽으로 가므로, 가중치는 {rate} · {size} = {step}만큼 커집니다."],
  ask_rate: ["What if the learning rate is 10 times larger?", "학습률이 10배이면 어떻게 될까요?"],
  faster: ["It arrives in fewer steps", "더 적은 걸음으로 도착한다"],
  away: ["It runs away", "발산한다"],
  same: ["Nothing changes", "달라지지 않는다"],
  answer_rate: [
    "Here it arrives sooner: after 10 epochs the loss is {ten} instead of {usual}. But with a rate 100 times larger each step leaps over the lowest point and lands higher than before: after 3 epochs the loss is {hundred}. Try both.",
    "여기서는 더 빨리 도착합니다. 10 에폭 뒤의 손실이 {usual}이 아니라 {ten}입니다. 그러나 100배이면 걸음마다 가장 낮은 점을 건너뛰어 더 높은 곳에 떨어집니다. 3 에폭 뒤의 손실이 {hundred}입니다. 둘 다 해 보세요."],
  times: ["{times} times the rate", "학습률 {times}배"],
  ask_bias: ["Why does the bias hardly move?", "편향은 왜 거의 움직이지 않을까요?"],
  small: ["Its gradient is thousands of times smaller", "기울기가 수천 배 작아서"],
  needless: ["The tape does not watch it", "테이프가 지켜보지 않아서"],
  best: ["It begins at its best value", "가장 좋은 값에서 시작해서"],
  answer_bias: [
    "Both gradients are means over the same differences, but the weight's are multiplied by the wishes, which are about 12,000. The weight's gradient is {weight}, the bias's {bias}. One learning rate serves both; in 100 epochs the bias moves by {moved}.",
    "두 기울기는 같은 차이의 평균이지만, 가중치의 기울기에는 약 12,000인 ‘보고 싶어요’가 곱해집니다. 가중치의 기울기는 {weight}, 편향의 기울기는 {bias}입니다. 학습률이 하나이므로 편향은 100 에폭 동안 {moved}만큼만 움직입니다."],
  step: ["One step, taken apart", "한 걸음을 나누어 보기"],
  step_text: [
    "Go through the first step of the training with the slider, the buttons or the arrow keys: first forward, call by call, with what the tape writes down; then backward, edge by edge. The lines of the compiled program lead to what they compute.",
    "슬라이더, 단추, 화살표 키로 학습의 첫걸음을 따라가 봅시다. 먼저 순전파를 연산마다, 테이프에 적히는 것과 함께 보고, 다음에 역전파를 간선마다 봅니다. 컴파일된 프로그램의 줄을 누르면 그 줄이 계산하는 곳으로 갑니다."],
};

let language = document.documentElement.lang;
const t = (key, values = {}) =>
  PAGE_TEXT[key][language === "ko" ? 1 : 0].replace(/{(\w+)}/g, (whole, name) => values[name] ?? whole);
const find = (id) => document.getElementById(id);
const numbers = (path) => path.map((state) => Object.fromEntries(Object.entries(state).map(([key, text]) => [key, +text])));
const path = numbers(DATA.path);
const films = DATA.films, wanted = DATA.okja.wishes;
const state = { weight: path[0].weight, bias: path[0].bias, rate: DATA.rate, epoch: 0, onPath: true, trail: [], answered: new Set() };
let timer = 0;

// -- what is computed here, as minidl computes it

function figures(weight, bias) {
  const predictions = films.map((film) => weight * film.wishes + bias);
  const differences = predictions.map((prediction, index) => prediction - films[index].audience);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    predictions,
    differences,
    loss: mean(differences.map((difference) => difference ** 2)),
    weight_gradient: mean(differences.map((difference, index) => 2 * difference * films[index].wishes)),
    bias_gradient: mean(differences.map((difference) => 2 * difference)),
    okja: weight * wanted + bias,
  };
}

function moved(weight, bias, rate) {
  const { weight_gradient, bias_gradient } = figures(weight, bias);
  return { weight: weight - rate * weight_gradient, bias: bias - rate * bias_gradient };
}

const best = (bias) =>
  films.reduce((sum, film) => sum + film.wishes * (film.audience - bias), 0) / films.reduce((sum, film) => sum + film.wishes ** 2, 0);

function shown(value, digits = 6) {
  if (!Number.isFinite(value)) return "∞";
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e7 || size < 1e-4)) {
    return value.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e").replace("-", "−").replace("e-", "e−");
  }
  return value.toLocaleString("en", { maximumSignificantDigits: digits }).replace("-", "−");
}

// -- the charts

function scale(from, to, start, end) {
  const f = (value) => start + (value - from) / (to - from) * (end - start);
  f.back = (place) => from + (place - start) / (end - start) * (to - from);
  return f;
}

function ticks(low, high, count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) found.push(tick);
  return found;
}

const short = (value) => {
  const size = Math.abs(value);
  const text = size >= 1e6 ? `${+(value / 1e6).toPrecision(3)}M` : size >= 1e4 ? `${+(value / 1e3).toPrecision(3)}k` : `${+value.toPrecision(3)}`;
  return text.replace("-", "−");
};

function frame(id, x, y, width, height, left, bottom, label) {
  let drawn = `<svg viewBox="0 0 ${width} ${height}" height="${height}" role="img" aria-label="${label}">`;
  for (const tick of ticks(...y.domain, 5)) {
    drawn += `<line class="axis" x1="${left}" x2="${width}" y1="${y(tick)}" y2="${y(tick)}"/>` +
      `<text class="tick" x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${short(tick)}</text>`;
  }
  for (const tick of ticks(...x.domain, width < 380 ? 3 : 5)) {
    drawn += `<text class="tick" x="${x(tick)}" y="${height - 6}" text-anchor="middle">${short(tick)}</text>`;
  }
  return drawn;
}

function size_of(id) {
  const width = Math.max(find(id).clientWidth, 200);
  return { width, height: Math.round(Math.min(380, Math.max(250, width * 0.72))), left: 52, bottom: 24 };
}

function draw_films() {
  const { width, height, left, bottom } = size_of("films");
  const { predictions, okja } = figures(state.weight, state.bias);
  const values = [...predictions, okja, state.weight * 18000 + state.bias].filter(Number.isFinite);
  const low = Math.min(0, ...values), high = Math.max(1200, ...values), room = (high - low) * 0.06;
  const x = scale(7000, 18000, left, width - 8), y = scale(low - (low < 0 ? room : 0), high + room, height - bottom, 8);
  x.domain = [7000, 18000];
  y.domain = [low - (low < 0 ? room : 0), high + room];
  let drawn = frame("films", x, y, width, height, left, bottom, t("films_chart"));
  films.forEach((film, index) => {
    if (!Number.isFinite(predictions[index])) return;
    const top = Math.min(y(film.audience), y(predictions[index])), side = Math.abs(y(film.audience) - y(predictions[index]));
    drawn += `<rect class="square" x="${x(film.wishes)}" y="${top}" width="${side}" height="${side}" fill="var(--gradient)" ` +
      `fill-opacity="0.16" stroke="var(--gradient)"/>`;
  });
  const ends = [7000, 18000].map((wishes) => [x(wishes), y(state.weight * wishes + state.bias)]);
  if (ends.flat().every(Number.isFinite)) {
    drawn += `<line x1="${ends[0][0]}" y1="${ends[0][1]}" x2="${ends[1][0]}" y2="${ends[1][1]}" stroke="var(--call)" stroke-width="2.5"/>`;
  }
  const name = (film) => (language === "ko" ? film.korean : film.english);
  const isFlat = Math.abs(y(films[0].audience) - y(films[1].audience)) < 24;  // then names would overlap
  films.forEach((film, index) => {
    const isLeft = film.wishes > wanted, above = isLeft ? -10 : index === 1 && isFlat ? 34 : 18;
    drawn += `<circle cx="${x(film.wishes)}" cy="${y(film.audience)}" r="5.5" fill="var(--variable)"/>` +
      `<text x="${x(film.wishes) + (isLeft ? -6 : 6)}" y="${y(film.audience) + above}" text-anchor="${isLeft ? "end" : "start"}">${name(film)}</text>`;
  });
  if (Number.isFinite(okja)) {
    drawn += `<path d="M${x(wanted)},${y(okja) - 9} l2.6,6 6.4,.5 -4.9,4.2 1.6,6.3 -5.7,-3.5 -5.7,3.5 1.6,-6.3 -4.9,-4.2 6.4,-.5 z" fill="var(--gradient)"/>` +
      `<text x="${x(wanted) + 11}" y="${y(okja) + 16}">${name(DATA.okja)} ${shown(okja, 4)}</text>`;
  }
  find("films").innerHTML = `${drawn}</svg>`;
  find("films").scales = { x, y };
}

function draw_loss() {
  const { width, height, left, bottom } = size_of("loss");
  const bottom_weight = best(state.bias), now = figures(state.weight, state.bias);
  const reach = Math.max(0.05, Math.abs(state.weight - bottom_weight), ...state.trail.map((each) => Math.abs(each - bottom_weight))) * 1.15;
  const near = Number.isFinite(reach) ? Math.min(reach, 50) : 50;
  const domain = [bottom_weight - near, bottom_weight + near], loss = (weight) => figures(weight, state.bias).loss;
  const x = scale(...domain, left, width - 8), top = loss(domain[0]);
  const y = scale(-top * 0.08, top, height - bottom, 8);
  x.domain = domain;
  y.domain = [-top * 0.08, top];
  let drawn = frame("loss", x, y, width, height, left, bottom, t("loss_chart")), curve = "";
  for (let index = 0; index <= 80; index++) {
    const weight = domain[0] + 2 * near * index / 80;
    curve += `${index ? "L" : "M"}${x(weight).toFixed(1)},${y(loss(weight)).toFixed(1)}`;
  }
  drawn += `<path d="${curve}" fill="none" stroke="var(--data)" stroke-width="2"/>`;
  for (const weight of state.trail) {
    if (Math.abs(weight - bottom_weight) <= near) drawn += `<circle cx="${x(weight)}" cy="${y(loss(weight))}" r="2.5" fill="var(--data)"/>`;
  }
  if (Number.isFinite(now.loss) && Math.abs(state.weight - bottom_weight) <= near) {
    if (state.answered.has("weight")) {
      const half = near * 0.3, line = (offset) => `${x(state.weight + offset)},${y(now.loss + now.weight_gradient * offset)}`;
      drawn += `<path class="tangent" d="M${line(-half)} L${line(half)}" stroke="var(--gradient)" stroke-width="2.5"/>` +
        `<text x="${(left + width) / 2}" y="24" text-anchor="middle">${t("tangent", { slope: shown(now.weight_gradient, 5) })}</text>`;
    }
    drawn += `<circle class="now" cx="${x(state.weight)}" cy="${y(now.loss)}" r="6" fill="var(--call)"/>`;
  }
  find("loss").innerHTML = `${drawn}</svg>`;
  find("loss").scales = { x, y };
}

// -- moving

function show() {
  const now = state.onPath ? { ...figures(state.weight, state.bias), loss: path[state.epoch].loss } : figures(state.weight, state.bias);
  find("weight").value = state.weight;
  find("bias").value = state.bias;
  find("rate").value = Math.log10(state.rate);
  find("weight-value").textContent = shown(state.weight, 7);
  find("bias-value").textContent = shown(state.bias, 4);
  find("rate-value").textContent = shown(state.rate, 3);
  find("epoch").textContent = state.epoch;
  find("loss-value").textContent = shown(now.loss, 7);
  find("okja-value").textContent = shown(now.okja, 7);
  find("slope-weight").textContent = shown(now.weight_gradient, 6);
  find("slope-bias").textContent = shown(now.bias_gradient, 6);
  find("play").textContent = t(timer ? "stop" : "play");
  draw_films();
  draw_loss();
}

function place(changes) {
  Object.assign(state, { onPath: false, trail: [], epoch: 0 }, changes);
  show();
}

function halt() {
  clearTimeout(timer);
  timer = 0;
}

function step() {
  const before = state.weight, slope = figures(state.weight, state.bias).weight_gradient;
  state.trail = [...state.trail, state.weight].slice(-100);
  state.epoch += 1;
  state.onPath = state.onPath && state.rate === DATA.rate && state.epoch < path.length;
  Object.assign(state, state.onPath ? { weight: path[state.epoch].weight, bias: path[state.epoch].bias } : moved(state.weight, state.bias, state.rate));
  const values = { before: shown(before, 6), rate: shown(state.rate, 3), slope: shown(slope, 6), after: shown(state.weight, 6) };
  const isLost = !Number.isFinite(state.weight) || Math.abs(state.weight) > 1e6;
  find("said").textContent = isLost ? t("ran_away") : t("moved", values);
  if (isLost) halt();
  return !isLost;
}

function play(left) {
  if (!left || !step()) {
    halt();
    return show();
  }
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (isStill) return play(left - 1);
  timer = setTimeout(() => play(left - 1), 40);
  show();
}

function restart(rate) {
  halt();
  Object.assign(state, { weight: path[0].weight, bias: path[0].bias, rate, epoch: 0, onPath: true, trail: [] });
  find("said").textContent = "";
  show();
}

for (const name of ["weight", "bias"]) {
  find(name).addEventListener("input", () => { halt(); place({ [name]: +find(name).value }); });
}
find("rate").addEventListener("input", () => {
  halt();
  state.rate = +(10 ** +find("rate").value).toPrecision(3);
  state.onPath = state.onPath && state.rate === DATA.rate;
  show();
});
find("one").addEventListener("click", () => { halt(); step(); show(); });
find("play").addEventListener("click", () => {
  if (timer) { halt(); return show(); }
  play(100);
});
find("start").addEventListener("click", () => restart(DATA.rate));
document.querySelectorAll(".larger").forEach((button) => button.addEventListener("click", () => {
  restart(DATA.rate * button.dataset.times);
  play(100);
}));

function dragged(id, change) {
  const move = (event) => {
    if (!(event.buttons & 1) || !find(id).scales) return;
    const area = find(id).getBoundingClientRect();
    halt();
    change(find(id).scales, event.clientX - area.left, event.clientY - area.top);
  };
  find(id).addEventListener("pointerdown", (event) => { find(id).setPointerCapture(event.pointerId); move(event); });
  find(id).addEventListener("pointermove", move);
}
const within = (weight) => Math.max(-1, Math.min(1, weight));
dragged("films", ({ x, y }, left, top) => place({ weight: within((y.back(top) - state.bias) / Math.max(x.back(left), 3000)) }));
dragged("loss", ({ x }, left) => place({ weight: within(x.back(left)) }));

// -- questions

function quiz(name, options, values) {
  const element = find(`quiz-${name}`), chosen = element.querySelector("input:checked")?.value;
  element.innerHTML = `<fieldset><legend>${t(`ask_${name}`, values)}</legend>` + options.map((option, index) =>
    `<label><input type="radio" name="${name}" value="${option}"><span>${t(option)}</span></label>`).join("") +
    `</fieldset><div aria-live="polite"></div>`;
  const answer = (option) => {
    state.answered.add(name);
    element.querySelector("div").innerHTML = `<p><span class="verdict">${t(option === options[0] ? "right" : "wrong")}</span> ${t(`answer_${name}`, values)}</p>`;
    document.querySelectorAll(`[data-after="${name}"]`).forEach((each) => { each.hidden = false; });
    show();
  };
  const order = [...element.querySelectorAll("label")].sort((a, b) => a.textContent.localeCompare(b.textContent));
  element.querySelector("fieldset").append(...order);
  element.querySelectorAll("input").forEach((input) => {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => answer(input.value));
  });
  if (chosen) answer(chosen);
}

function ask() {
  const first = figures(path[0].weight, path[0].bias), [ten, hundred] = DATA.larger.map((each) => numbers(each.path));
  const slopes = { weight: shown(first.weight_gradient, 5), bias: shown(first.bias_gradient, 5) };
  quiz("weight", ["up", "down", "stays"], {
    weight: shown(path[0].weight, 7), slope: slopes.weight, rate: shown(DATA.rate, 3),
    size: shown(Math.abs(first.weight_gradient), 5), step: shown(path[1].weight - path[0].weight, 4),
  });
  quiz("rate", ["faster", "away", "same"], {
    ten: shown(ten[10].loss, 5), usual: shown(path[10].loss, 5), hundred: shown(hundred[3].loss, 3),
  });
  quiz("bias", ["small", "needless", "best"], { ...slopes, moved: shown(path.at(-1).bias - path[0].bias, 3) });
}

// -- the beginning, and the language

const stepping = stepper(find("steps"), DATA.steps, language, DATA.program);

function speak(spoken) {
  language = document.documentElement.lang = spoken;
  document.title = t("title");
  document.querySelectorAll("[data-text]").forEach((each) => { each.textContent = t(each.dataset.text); });
  document.querySelectorAll(".larger").forEach((each) => { each.textContent = t("times", { times: each.dataset.times }); });
  find("language").textContent = spoken === "ko" ? "English" : "한국어";
  find("language").lang = spoken === "ko" ? "en" : "ko";
  ask();
  stepping.say_in(spoken);
  show();
}

find("language").addEventListener("click", () => speak(language === "ko" ? "en" : "ko"));
new ResizeObserver(() => { draw_films(); draw_loss(); }).observe(find("films"));
speak(language);
