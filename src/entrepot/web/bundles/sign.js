// Signs in this browser: asks what is to be signed, has the company's key sign it, and sends the form.
// A wallet in the browser (EIP-1193) is asked first; without one, a demo person's own key signs, and the page says so.
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

const wallet = () => window.ethereum;

// What an answer says as JSON. A page in its place (not ours, signed out, out of order) is told by its own sentences.
async function told(answer, otherwise) {
  if (!(answer.headers.get("content-type") || "").startsWith("application/json")) {
    const page = new DOMParser().parseFromString(answer.redirected ? "" : await answer.text(), "text/html");
    const says = [...page.querySelectorAll("main h1, main h1 ~ p:not(.soft)")].map((one) => one.textContent.trim());
    throw new Error(says.slice(0, 2).join(" ") || otherwise);
  }
  const body = await answer.json().catch(() => { throw new Error(otherwise); });
  if (!answer.ok) throw new Error(body.problem || otherwise);
  return body;
}

async function signature(toSign) {
  return wallet() && toSign.typed_data ? signedByWallet(toSign.typed_data) : signedByDemo(toSign.digest);
}

async function signedByWallet(typedData) {
  const [account] = await wallet().request({ method: "eth_requestAccounts" });
  const signed = await wallet().request({ method: "eth_signTypedData_v4", params: [account, JSON.stringify(typedData)] });
  return String(signed).toLowerCase();
}

async function signedByDemo(digest) {
  const answer = await fetch("/demo-signer");
  if (!answer.ok) throw new Error("This browser holds no key of your company, and no wallet is installed.");
  const { key } = await told(answer, "This browser holds no key of your company, and no wallet is installed.");
  const sig = secp256k1.sign(hexToBytes(digest.slice(2)), hexToBytes(key.replace(/^0x/, "")), { prehash: false, format: "recovered" });
  const v = sig[0] + 27; // recovered format: recovery, r, s; Ethereum wants r, s, v
  return "0x" + bytesToHex(sig.slice(1)) + v.toString(16).padStart(2, "0");
}

// Says beforehand who will sign: the page carries both sentences.
function sayWho() {
  for (const said of document.querySelectorAll(".signer")) {
    said.querySelector(".by-wallet").hidden = !wallet();
    said.querySelector(".by-demo").hidden = Boolean(wallet());
  }
}
sayWho();
document.addEventListener("toggle", sayWho, true);
new MutationObserver(sayWho).observe(document.getElementById("main"), { childList: true });

// An award is typed as people write amounts: shown back as it will be signed, and what was signed before is void.
const grouped = (minor, decimals) => {
  const digits = String(minor).padStart(decimals + 1, "0");
  const [whole, fraction] = [digits.slice(0, digits.length - decimals), digits.slice(digits.length - decimals)];
  const kept = fraction.replace(/0+$/, "").padEnd(Math.min(2, decimals), "0");
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (kept && `.${kept}`);
};
document.addEventListener("input", (event) => {
  const { form, name, value } = event.target;
  if (name !== "to_seller" || !form) return;
  form.elements.signature.value = form.querySelector("output").value = form.querySelector(".said").textContent = "";
  const { price, decimals, symbol } = form.dataset;
  const echo = form.querySelector("#echo");
  const [, whole, fraction = ""] = value.replace(/\s/g, "").match(/^(\d{1,3}(?:,\d{3})+|\d{1,30})(?:\.(\d{1,30}))?$/) || [];
  const fine = fraction.replace(/0+$/, "");
  const minor = whole && fine.length <= decimals ? BigInt(whole.replace(/,/g, "") + fine.padEnd(decimals, "0")) : null;
  const isShare = minor !== null && minor <= BigInt(price);
  const shown = (amount) => `\u2066${symbol} ${grouped(amount, Number(decimals))}\u2069`; // its own direction, in any text
  echo.textContent = !value ? "" : isShare
    ? echo.dataset.says.replace("[first]", () => shown(minor)).replace("[second]", () => shown(BigInt(price) - minor))
    : echo.dataset.otherwise;
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.sign || form.dataset.signed) return;
  event.preventDefault();
  const [button, said] = [event.submitter || form.querySelector("button"), form.querySelector(".said")];
  button.disabled = true;
  form.dataset.busy = "yes"; // a live refresh leaves it alone
  try {
    const body = new FormData(form);
    if (button.name) body.set(button.name, button.value);
    const toSign = await told(await fetch(form.dataset.sign, { method: "POST", body }), said.dataset.otherwise);
    for (const [name, value] of Object.entries(toSign.fields)) form.elements[name].value = value;
    form.elements.signature.value = await signature(toSign);
    button.disabled = false;
    if (button.dataset.only) {
      form.querySelector("output").value = form.elements.signature.value;
      return;
    }
    form.dataset.signed = "yes";
    form.requestSubmit(button);
  } catch (problem) {
    said.textContent = problem.message || "The wallet did not sign.";
    delete form.dataset.busy;
    button.disabled = false;
  }
});
