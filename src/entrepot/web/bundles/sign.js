// Signs in this browser: asks what is to be signed, signs it with the company's key, and sends the form.
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

async function signature(digest) {
  const answer = await fetch("/demo-signer");
  if (!answer.ok) throw new Error("This browser holds no key of your company.");
  const { key } = await answer.json();
  const sig = secp256k1.sign(hexToBytes(digest.slice(2)), hexToBytes(key.replace(/^0x/, "")), { prehash: false, format: "recovered" });
  const v = sig[0] + 27; // recovered format: recovery, r, s; Ethereum wants r, s, v
  return "0x" + bytesToHex(sig.slice(1)) + v.toString(16).padStart(2, "0");
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.sign || form.dataset.signed) return;
  event.preventDefault();
  const [button, said] = [form.querySelector("button"), form.querySelector(".said")];
  button.disabled = true;
  form.dataset.busy = "yes"; // a live refresh leaves it alone
  try {
    const answer = await fetch(form.dataset.sign, { method: "POST", body: new FormData(form) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.problem);
    for (const [name, value] of Object.entries(told.fields)) form.elements[name].value = value;
    form.elements.signature.value = await signature(told.digest);
    form.dataset.signed = "yes";
    button.disabled = false;
    form.requestSubmit();
  } catch (problem) {
    said.textContent = problem.message;
    delete form.dataset.busy;
    button.disabled = false;
  }
});
