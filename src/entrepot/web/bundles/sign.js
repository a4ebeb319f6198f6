// Signs in this browser: asks what is to be signed, has the company's key sign it, and sends the form.
// A wallet in the browser (EIP-1193) is asked first; without one, a demo person's own key signs, and the page says so.
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

const wallet = () => window.ethereum;

async function signature(told) {
  return wallet() && told.typed_data ? signedByWallet(told.typed_data) : signedByDemo(told.digest);
}

async function signedByWallet(typedData) {
  const [account] = await wallet().request({ method: "eth_requestAccounts" });
  const signed = await wallet().request({ method: "eth_signTypedData_v4", params: [account, JSON.stringify(typedData)] });
  return String(signed).toLowerCase();
}

async function signedByDemo(digest) {
  const answer = await fetch("/demo-signer");
  if (!answer.ok) throw new Error("This browser holds no key of your company, and no wallet is installed.");
  const { key } = await answer.json();
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
    const answer = await fetch(form.dataset.sign, { method: "POST", body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.problem);
    for (const [name, value] of Object.entries(told.fields)) form.elements[name].value = value;
    form.elements.signature.value = await signature(told);
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
