// The guide's buttons that put samples into the page's own file inputs; the reader still looks and presses.
async function put(input, from, name) {
  const answer = await fetch(from);
  if (!answer.ok) return null;
  const files = new DataTransfer();
  files.items.add(new File([await answer.blob()], name));
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return answer;
}

async function fill(button) {
  button.disabled = true;
  if (button.dataset.fill === "invoice") {
    const answer = await put(document.getElementById("invoice"), button.dataset.from, "sample-invoice.xml");
    const buyer = document.getElementById("buyer");
    if (answer && buyer) buyer.value = answer.headers.get("x-buyer");
  } else {
    document.getElementById("act-present")?.setAttribute("open", "");
    for (const input of document.querySelectorAll("input[id^='paper-']")) {
      const kind = input.id.slice("paper-".length);
      await put(input, button.dataset.from + kind, kind === "invoice" ? "invoice.xml" : `${kind}.json`);
    }
  }
  button.disabled = false;
  document.querySelector("#main form button.first")?.focus();
}

function ready() {
  for (const button of document.querySelectorAll("#guide [data-fill]")) {
    button.hidden = false;
    button.onclick = () => fill(button);
  }
}
ready();
document.addEventListener("refreshed", ready);
