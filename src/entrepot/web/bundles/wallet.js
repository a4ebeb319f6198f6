// Proves a wallet in this browser: its key signs the participant's id, as typed data by the browser's own wallet
// (EIP-1193), or on development chains by a demo key that is made here, signs once and is forgotten.
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

async function statement(form, address) {
  const answer = await fetch(form.dataset.ownership + address);
  if (!answer.ok) throw new Error("The statement to sign could not be read.");
  return answer.json();
}

async function byWallet(form) {
  const [address] = await window.ethereum.request({ method: "eth_requestAccounts" });
  const told = await statement(form, address);
  const params = [address, JSON.stringify(told.typed_data)];
  return { told, signature: await window.ethereum.request({ method: "eth_signTypedData_v4", params }) };
}

async function byDemo(form) {
  const key = secp256k1.utils.randomSecretKey();
  const point = secp256k1.getPublicKey(key, false).slice(1);
  const told = await statement(form, "0x" + bytesToHex(keccak_256(point).slice(12)));
  const sig = secp256k1.sign(hexToBytes(told.digest.slice(2)), key, { prehash: false, format: "recovered" });
  return { told, signature: "0x" + bytesToHex(sig.slice(1)) + (sig[0] + 27).toString(16).padStart(2, "0") };
}

const prove = (sign) => async (event) => {
  const form = event.target.form;
  const said = form.querySelector(".said");
  if (!form.reportValidity()) return;
  event.target.disabled = true;
  try {
    const { told, signature } = await sign(form);
    form.elements.account.value = told.account;
    form.elements.signature.value = signature.toLowerCase();
    form.submit();
  } catch (problem) {
    said.textContent = problem.message || "The wallet did not sign.";
    event.target.disabled = false;
  }
};

for (const [id, sign, isThere] of [["browser-wallet", byWallet, Boolean(window.ethereum)], ["demo-wallet", byDemo, true]]) {
  const button = document.getElementById(id);
  if (!button) continue;
  button.hidden = !isThere;
  button.addEventListener("click", prove(sign));
}
