// What makes a page live and reachable by keys. Without it every page still reads, and most acts still work.
const main = document.getElementById("main");

if (!document.cookie.includes("entrepot_zone=")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `entrepot_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

// On a phone what proves and explains is folded at first, save what the address names; what is opened stays open.
if (matchMedia("(max-width: 900px)").matches) {
  for (const one of document.querySelectorAll("details.fold[open]")) one.open = one.matches(":target, :has(:target)");
}
window.addEventListener("hashchange", () => document.querySelectorAll("details.fold:is(:target, :has(:target))").forEach((one) => { one.open = true; }));

// Live: the feed says which settlements changed; the page is fetched again and its parts are morphed into place.
const feed = document.getElementById("feed");
const refresh = () => htmx.trigger("#main", "refresh");
const RETRY_MS = 500, RETRY_MS_MAX = 30_000;
let again = RETRY_MS;
main?.addEventListener("htmx:error", (event) => { // a page that could not be fetched is fetched again, later each time
  if (event.target !== main) return;
  setTimeout(refresh, again);
  again = Math.min(again * 2, RETRY_MS_MAX);
});
feed?.addEventListener("stops", (event) => {
  document.getElementById("stops").innerHTML = JSON.parse(event.detail.data).html; // at once; the page follows
  refresh();
});
feed?.addEventListener("waiting", refresh);
feed?.addEventListener("changed", (event) => {
  const shown = main.dataset.live;
  if (shown === "*" || JSON.parse(event.detail.data).settlements.includes(shown)) refresh();
});
// What the reader opened stays open, and what they typed or chose stays theirs.
globalThis.htmx?.registerExtension("keep", {
  htmx_before_morph_attr: (_, detail) => detail.attrName !== "open",
});
document.addEventListener("htmx:after:swap", () => {
  again = RETRY_MS;
  main.classList.remove("changed");
  void main.offsetWidth;
  main.classList.add("changed");
  document.dispatchEvent(new Event("refreshed")); // pictures are drawn anew
});

// Keys: / search, j k rows, g then a letter goes there, ? all keys.
let isGoing = false;
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key;
  if (isGoing) {
    isGoing = false;
    const place = document.querySelector(`nav a[data-key="${CSS.escape(key)}"]`);
    if (place) place.click();
    return;
  }
  const rows = [...document.querySelectorAll("a.row-link")];
  if (key === "g") isGoing = true;
  else if (key === "?") document.getElementById("keys")?.showModal();
  else if (key === "/" && document.getElementById("q")) { event.preventDefault(); document.getElementById("q").focus(); }
  else if (key === "j" || key === "k") rows[rows.indexOf(document.activeElement) + (key === "j" ? 1 : -1)]?.focus();
});
