// The treasurer's pages: a drop zone, lines added as they are needed, and times that count down.
// Without it a file is chosen, one line is written, and times stand as text.
const say = (seconds) => {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (number) => String(number).padStart(2, "0");
  return h >= 48 ? null : `${h ? `${h}:${two(m)}` : m}:${two(s)}`;
};

// The page's clock may run ahead of the machine's: what is left is counted from what the server said.
const started = performance.now();
function tick() {
  for (const one of document.querySelectorAll("[data-left]")) {
    if (one.dataset.from !== one.dataset.left) Object.assign(one.dataset, { from: one.dataset.left, at: performance.now() });
    const left = Math.max(0, Math.round(Number(one.dataset.left) - (performance.now() - Number(one.dataset.at || started)) / 1000));
    const text = say(left);
    if (text !== null) one.textContent = text;
    one.classList.toggle("late", left < 60);
    const over = document.getElementById(one.dataset.over || "");
    if (left === 0 && over) over.hidden = false;
  }
}
tick();
setInterval(tick, 1000);
document.addEventListener("refreshed", tick);

const drop = document.getElementById("drop");
if (drop) {
  const input = drop.querySelector("input[type=file]");
  const chosen = drop.querySelector(".chosen");
  const show = () => { chosen.textContent = [...input.files].map((file) => file.name).join(", "); };
  input.addEventListener("change", show);
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!event.dataTransfer?.files.length) return;
    input.files = event.dataTransfer.files;
    show();
    document.getElementById("buyer").focus();
  });
}

const add = document.getElementById("add-line");
if (add) {
  add.hidden = false;
  add.addEventListener("click", () => {
    const lines = [...document.querySelectorAll("fieldset.line")];
    const [number, fresh] = [lines.length + 1, lines.at(-1).cloneNode(true)];
    fresh.querySelector("legend").textContent = add.dataset.legend.replace("#", number);
    for (const input of fresh.querySelectorAll("input")) {
      const id = input.id.replace(/\d+$/, number);
      fresh.querySelector(`label[for="${input.id}"]`).htmlFor = id;
      Object.assign(input, { id, value: "" });
    }
    lines.at(-1).after(fresh);
    fresh.querySelector("input").focus();
    add.hidden = number >= 20;
  });
}
(document.getElementById("problem") || document.getElementById("would"))?.focus();
