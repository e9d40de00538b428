// What pages do besides, where scripts run: each of them works without.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);

// Today: entries and refusals as they happen, and how the door is.
// A stream that was refused: the session is over.
const watched = (source) => {
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) location.reload();
  });
  addEventListener("pagehide", () => source.close());
  return source;
};

const today = $("[data-stream]");
if (today && window.EventSource) {
  const list = $("#happenings");
  const blank = $("#happening");
  const source = watched(new EventSource(today.dataset.stream));
  const put = (selector, text, within) => {
    const at = $(selector, within);
    if (at) at.textContent = text;
  };
  source.addEventListener("state", (event) => {
    const now = JSON.parse(event.data);
    for (const state of document.querySelectorAll("[data-state]")) {
      state.classList.remove("calm", "warn", "bad", "good");
      state.classList.add(now.tone);
      put("[data-word]", now.word, state);
      put("[data-detail]", now.detail, state);
    }
    const faults = $("#faults");
    if (faults) {
      faults.hidden = now.faults === 0;
      put("[data-faults]", now.faults_text, faults);
    }
  });
  source.addEventListener("happened", (event) => {
    const one = JSON.parse(event.data);
    if (document.getElementById("happened-" + one.id) || !list || !blank) return;
    const item = blank.content.firstElementChild.cloneNode(true);
    item.id = "happened-" + one.id;
    item.classList.add("fresh");
    const face = $(".face", item);
    face.classList.add(one.tone);
    face.textContent = one.initials;
    // Where faces are kept there is one soon after, if there is one of this.
    if ("faces" in list.dataset && (one.tone === "in" || one.tone === "out")) {
      setTimeout(() => {
        const picture = document.createElement("img");
        picture.alt = "";
        picture.addEventListener("load", () => face.append(picture));
        picture.src = `/happened/${one.id}/picture`;
      }, 1500);
    }
    put("[data-title]", one.title, item);
    put("[data-detail]", one.detail, item);
    put("time", one.time, item);
    $("time", item).dateTime = one.at;
    const pill = $(".pill", item);
    pill.className = "pill " + one.pill;
    pill.textContent = one.word;
    list.prepend(item);
    const none = $("#none");
    if (none) none.hidden = true;
    const count = $(`[data-count="${one.tone}"]`);
    if (count) count.textContent = String(Number(count.textContent) + 1);
    while (list.children.length > 100) list.lastElementChild.remove();
  });
}

// No word from the door: asked for again, and shown once there is.
if ($("[data-again]")) {
  const again = async () => {
    const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
    if (answer?.ok) location.reload();
    else setTimeout(again, 3000);
  };
  setTimeout(again, 3000);
}

// Boxes over the camera's picture.
const draw = (svg, frame) => {
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  svg.replaceChildren(...frame.faces.map((face) => {
    const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({
      x: face.x, y: face.y, width: face.width, height: face.height, rx: 6, class: face.tone,
    })) box.setAttribute(name, value);
    return box;
  }));
};

const camera = $("[data-live]");
if (camera && window.EventSource) {
  const picture = $("img", camera);
  const source = watched(new EventSource(camera.dataset.live));
  let busy = false;
  picture.addEventListener("load", () => { busy = false; });
  picture.addEventListener("error", () => { busy = false; });
  source.addEventListener("frame", (event) => {
    const frame = JSON.parse(event.data);
    if (frame.picture && !busy) {
      busy = true;
      picture.src = frame.picture;
    }
    draw($("svg", camera), frame);
    const said = $("#said");
    if (said && frame.said !== undefined && said.textContent !== frame.said) said.textContent = frame.said;
    for (const name of ["who", "score", "need"]) {
      const at = $(`#${name}`);
      if (at) at.textContent = frame[name];
    }
    const meter = $("#meter");
    if (meter) meter.value = frame.value;
  });
  source.addEventListener("guidance", (event) => {
    const now = JSON.parse(event.data);
    const said = $("#said");
    if (said && said.textContent !== now.text) said.textContent = now.text;
    const bar = $("progress");
    if (bar) { bar.max = now.wanted; bar.value = now.taken; }
    const taken = $("#taken");
    if (taken) taken.textContent = now.count;
  });
  source.addEventListener("done", () => { source.close(); location.reload(); });
}

// Phones' photos are larger than the door needs: made smaller before they are sent.
const MAX_SIDE = 1600;
const smaller = async (file) => {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, MAX_SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    if (!blob) return file;
    return new File([blob], file.name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
  } catch {
    return file;
  }
};
for (const input of document.querySelectorAll("input[type=file][multiple]")) {
  input.addEventListener("change", async () => {
    const button = $("button[type=submit]", input.form);
    button.disabled = true;
    const files = new DataTransfer();
    for (const file of input.files) files.items.add(await smaller(file));
    input.files = files.files;
    button.disabled = false;
  });
}

// Nothing is done twice by a double click; what cannot be undone is asked about.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sure && !confirm(form.dataset.sure)) {
      event.preventDefault();
      return;
    }
    const button = $("button[type=submit]", form);
    if (button) setTimeout(() => { button.disabled = true; }, 0);
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled")) button.disabled = false;
});
