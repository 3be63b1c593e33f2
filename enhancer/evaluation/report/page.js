
"use strict";
// Without this script the page shows all there is, and each sound has the browser's own player.

// Players: all versions of an example run in step, only one of them is heard.
let playing = null;

function setUpPlayer(box) {
  const views = [...box.querySelectorAll(".view")];
  const choices = [...box.querySelectorAll("fieldset input")];
  const button = box.querySelector(".play");
  const seek = box.querySelector(".seek");
  const loop = box.querySelector(".loop");
  const time = box.querySelector(".time");
  const status = box.querySelector("[role=status]");
  const seconds = Number(seek.max);
  let context = null, buffers = null, sources = [], gains = [], begun = 0, position = 0;

  const chosen = () => choices.findIndex((choice) => choice.checked);
  const running = () => playing === api;

  async function load() {
    context = new AudioContext();
    buffers = await Promise.all(views.map((view) => {
      const text = atob(view.querySelector("audio").src.split(",")[1]);
      return context.decodeAudioData(Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
    }));
  }

  function now() {
    if (!running() || !sources.length) return position;
    const passed = position + context.currentTime - begun;
    return loop.checked ? passed % seconds : Math.min(passed, seconds);
  }

  async function play() {
    if (playing) playing.pause();
    playing = api;
    button.textContent = "Pause";
    try {
      if (!buffers) await load();
      await context.resume();
    } catch (error) {
      stop();
      status.textContent = "This browser cannot play these sounds: " + error.message;
      return;
    }
    if (!running()) return; // paused while it was decoding
    if (position >= seconds - 0.02) position = 0;
    begun = context.currentTime + 0.02;
    gains = buffers.map((_, i) => new GainNode(context, { gain: i === chosen() ? 1 : 0 }));
    sources = buffers.map((buffer, i) => {
      const source = new AudioBufferSourceNode(context, { buffer, loop: loop.checked });
      source.connect(gains[i]).connect(context.destination);
      source.start(begun, position);
      return source;
    });
    sources[0].onended = () => { if (running()) { position = seconds; stop(); show(); } };
    requestAnimationFrame(follow);
  }

  function stop() {
    for (const source of sources) { source.onended = null; source.stop(); }
    sources = [];
    if (running()) playing = null;
    button.textContent = "Play";
  }

  function pause() {
    position = now();
    stop();
    show();
  }

  function moveTo(place) {
    const was = running();
    if (was) pause();
    position = Math.min(Math.max(place, 0), seconds);
    show();
    if (was) play();
  }

  function follow() {
    if (!running()) return;
    show();
    requestAnimationFrame(follow);
  }

  function show() {
    const place = now();
    seek.value = place;
    seek.setAttribute("aria-valuetext", place.toFixed(1) + " of " + seconds.toFixed(1) + " seconds");
    time.textContent = place.toFixed(1) + " / " + seconds.toFixed(1) + " s";
    for (const line of box.querySelectorAll(".playhead")) {
      line.setAttribute("x1", 100 * place / seconds + "%");
      line.setAttribute("x2", 100 * place / seconds + "%");
    }
  }

  function hear() {
    views.forEach((view, i) => view.classList.toggle("heard", i === chosen()));
    // 5 ms: a change without a click, and too fast to be heard as a fade.
    gains.forEach((gain, i) => gain.gain.setTargetAtTime(i === chosen() ? 1 : 0, context.currentTime, 0.005));
  }

  const api = { pause };
  button.addEventListener("click", () => (running() ? pause() : play()));
  choices.forEach((choice) => choice.addEventListener("change", hear));
  loop.addEventListener("change", () => { if (running()) moveTo(now()); });
  seek.addEventListener("input", () => moveTo(Number(seek.value)));
  box.querySelector(".views").addEventListener("click", (event) => {
    const across = views[0].querySelector("svg").getBoundingClientRect();
    moveTo(seconds * (event.clientX - across.left) / across.width);
  });
  box.addEventListener("keydown", (event) => {
    const number = Number(event.key) - 1;
    if (number >= 0 && number < choices.length) {
      choices[number].checked = true;
      hear();
    } else if (event.key === " " && event.target !== button && event.target !== loop) {
      event.preventDefault();
      button.click();
    }
  });
  box.classList.add("ready");
  box.querySelectorAll("[hidden]").forEach((part) => { part.hidden = false; });
  hear();
  show();
}

// The table of files: a heading sorts by its column, the box above shows some of the rows.
function setUpFiles(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const buttons = [...table.tHead.querySelectorAll("button")];
  const headings = buttons.map((button) => button.parentElement);
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;

  buttons.forEach((button, column) => {
    const heading = headings[column];
    button.disabled = false;
    button.addEventListener("click", () => {
      const downwards = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", downwards ? "descending" : "ascending");
      const numbers = rows.some((row) => row.cells[column].dataset.value !== undefined);
      rows.sort((one, other) => {
        const a = one.cells[column], b = other.cells[column];
        if (!numbers) return (downwards ? -1 : 1) * compare(a.textContent, b.textContent);
        const missing = (a.dataset.value === undefined) - (b.dataset.value === undefined);
        return missing || (downwards ? -1 : 1) * (a.dataset.value - b.dataset.value); // what is undefined stays last
      });
      body.append(...rows);
    });
  });

  const finder = document.querySelector(".finder");
  const find = finder.querySelector("input");
  find.addEventListener("input", () => {
    const wanted = find.value.toLowerCase();
    let found = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      found += !row.hidden;
    }
    finder.querySelector(".found").textContent = wanted ? found + " of " + rows.length : "";
  });
  finder.hidden = false;
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".player").forEach(setUpPlayer);
  document.querySelectorAll("table.files").forEach(setUpFiles);
});
