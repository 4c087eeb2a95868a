// What a person sees and does; worker.js computes.

const find = (id) => document.getElementById(id);
const [stage, slider, status] = ["stage", "slider", "status"].map(find);
const [before, after] = ["before", "after"].map((id) => find(id).firstElementChild);
const view = { whole: false, x: 0.5, y: 0.5 }; // Whether at 100 %, and what part of the picture is in the middle then.
const NEAR = 28; // Pixels from the handle within which it is taken hold of.
const MOST_TALL = 0.68; // Of the window.

let worker;
let scale;
let name;
const urls = [];

document.documentElement.classList.add("served");
await isolate();
startWorker();

/** Lets a service worker add what threads need, by loading the page once more; without it, there is one thread. */
async function isolate() {
  if (!navigator.serviceWorker) return;
  const registration = await navigator.serviceWorker.register("service-worker.js").catch(() => null);
  if (!registration || window.crossOriginIsolated || sessionStorage.getItem("isolated")) return;
  sessionStorage.setItem("isolated", "once");
  await navigator.serviceWorker.ready;
  window.location.reload();
  await new Promise(() => {});
}

function startWorker() {
  worker = new Worker(`page/worker.js${window.location.search}`);
  worker.onerror = (event) => fail(event.message || "The network could not be started.");
  worker.onmessage = ({ data }) => {
    if (data.ready) {
      scale = data.ready.scale;
      find("scale").textContent = `×${scale}`;
      document.documentElement.dataset.engine = data.ready.engine;
    } else if (data.progress) {
      const { done, tiles } = data.progress;
      find("tiles").textContent = `${done} of ${tiles} ${tiles === 1 ? "tile" : "tiles"}`;
      Object.assign(find("progress"), { max: tiles, value: done });
    } else if (data.result) {
      show(data.result);
    } else {
      fail(data.error);
    }
  };
}

function open(file) {
  if (!file || stage.dataset.state === "working") return;
  while (urls.length) URL.revokeObjectURL(urls.pop());
  name = (file.name || "picture").replace(/\.[^.]*$/, "");
  before.src = keepUrl(file);
  before.onload = layOut;
  say("");
  find("actions").classList.remove("shown");
  find("tiles").textContent = "Starting";
  find("progress").removeAttribute("value");
  zoom(false);
  stage.dataset.state = "working";
  find("cancel").focus();
  worker.postMessage(file);
}

function keepUrl(blob) {
  urls.push(URL.createObjectURL(blob));
  return urls.at(-1);
}

async function show({ blob, width, height, seconds, engine }) {
  after.src = find("download").href = keepUrl(blob);
  find("download").download = `${name}_x${scale}.png`;
  await after.decode().catch(() => {}); // A browser may be unable to show what can be downloaded all the same.
  stage.dataset.state = "done";
  say(`${width} × ${height} pixels in ${seconds.toFixed(2)} s on ${engine === "GPU" ? "the GPU" : engine}`);
  find("actions").classList.add("shown");
  move(50);
  layOut();
  slider.focus({ preventScroll: true });
}

function fail(message) {
  reset();
  say(message, true);
}

function reset() {
  stage.dataset.state = "empty";
  stage.removeAttribute("style");
  stage.parentElement.removeAttribute("style");
  find("actions").classList.remove("shown");
}

function say(message, wrong = false) {
  status.textContent = message;
  status.classList.toggle("wrong", wrong);
}

/** Lays both pictures over one another: as large as fits, or at 100 % around the point that is in the middle. */
function layOut() {
  const [width, height] = [before.naturalWidth * (scale ?? 1), before.naturalHeight * (scale ?? 1)];
  if (!width || stage.dataset.state === "empty") return;
  const most = stage.parentElement.clientWidth;
  const fit = Math.min(most / width, (MOST_TALL * window.innerHeight) / height);
  stage.parentElement.style.setProperty("--width", `${width * fit}px`);
  stage.style.height = `${height * fit}px`;
  const size = view.whole ? Math.max(fit, 1 / window.devicePixelRatio) : fit;
  for (const axis of ["x", "y"]) {
    const half = fit / size / 2;
    view[axis] = Math.min(1 - half, Math.max(half, view[axis]));
  }
  for (const image of [before, after]) {
    image.style.width = `${width * size}px`;
    image.style.height = `${height * size}px`;
    image.style.left = `${(width * fit) / 2 - view.x * width * size}px`;
    image.style.top = `${(height * fit) / 2 - view.y * height * size}px`;
  }
}

function move(percent) {
  slider.value = percent;
  stage.style.setProperty("--cut", `${slider.value}%`);
}

function zoom(whole, x = 0.5, y = 0.5) {
  Object.assign(view, { whole, x, y });
  find("zoom").setAttribute("aria-pressed", whole);
  stage.classList.toggle("whole", whole);
  layOut();
}

slider.oninput = () => move(slider.value);
find("zoom").onclick = () => zoom(!view.whole);
find("another").onclick = () => {
  reset();
  say("");
  find("file").click();
};
find("file").onchange = (event) => {
  open(event.target.files[0]);
  event.target.value = ""; // The same file again is a change, too.
};
find("sample").onclick = async () => {
  const response = await fetch("page/sample.png");
  open(new File([await response.blob()], "sample.png", { type: "image/png" }));
};
find("cancel").onclick = () => {
  worker.terminate(); // At once, in the middle of a tile; the next picture finds a new one.
  startWorker();
  reset();
  say("Cancelled.");
};
window.onresize = layOut;
window.addEventListener("paste", (event) => open(event.clipboardData.files[0])); // `window.onpaste` is not known.
window.ondragover = (event) => {
  event.preventDefault();
  stage.classList.add("over");
};
window.ondragleave = (event) => event.relatedTarget ?? stage.classList.remove("over");
window.ondrop = (event) => {
  event.preventDefault();
  stage.classList.remove("over");
  open(event.dataTransfer.files[0]);
};

// The handle is moved from anywhere, but at 100 % only from nearby: elsewhere, the picture is.
let held = null;
stage.onpointerdown = (event) => {
  if (stage.dataset.state !== "done" || event.button) return;
  const box = stage.getBoundingClientRect();
  const handle = box.left + (box.width * slider.value) / 100;
  held = !view.whole || Math.abs(event.clientX - handle) < NEAR ? "handle" : "picture";
  stage.setPointerCapture(event.pointerId);
  stage.onpointermove(event);
  slider.focus({ preventScroll: true });
  event.preventDefault();
};
stage.onpointermove = (event) => {
  const box = stage.getBoundingClientRect();
  if (held === "handle") move((100 * (event.clientX - box.left)) / box.width);
  if (held !== "picture") return;
  view.x -= event.movementX / before.width;
  view.y -= event.movementY / before.height;
  layOut();
};
stage.onpointerup = stage.onpointercancel = () => {
  held = null;
};
stage.ondblclick = (event) => {
  const box = stage.getBoundingClientRect();
  zoom(!view.whole, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
};
