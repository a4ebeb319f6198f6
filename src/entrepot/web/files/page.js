// What makes a page live and reachable by keys. Without it every page still reads, and most acts still work.
const main = document.getElementById("main");

if (!document.cookie.includes("entrepot_zone=")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  document.cookie = `entrepot_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

// Live: the feed says which settlements changed; the page is fetched again and its parts are put in place.
async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["main", "stops"]) {
    const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || !now || isBusy(old)) continue;
    old.innerHTML = now.innerHTML;
    old.classList.remove("changed");
    void old.offsetWidth;
    old.classList.add("changed");
  }
}
// Nobody's half-filled form is taken away: it is refreshed once the form is left.
const isBusy = (part) => part.querySelector("details.act[open]") && part.contains(document.activeElement);

if (document.getElementById("side")) {
  const feed = new EventSource("/live");
  feed.addEventListener("stops", refresh);
  feed.addEventListener("changed", (event) => {
    const shown = main.dataset.live;
    if (shown === "*" || JSON.parse(event.data).settlements.includes(shown)) refresh();
  });
}

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
