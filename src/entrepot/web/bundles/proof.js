// Checks the log's proofs in this browser, with nothing of the server's but the bytes that it checks: the signed note,
// the inclusion of a settlement's leaves, and that the log only grew since this browser last saw it.
// Sources: C2SP signed-note and tlog-checkpoint v1.0.0; RFC 9162 section 2.1. The key is the reader's, pasted or loaded.
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

const HASH = 32, KIND = 1, SEEN = "entrepot_seen_checkpoint:";
const equal = (a, b) => a.length === b.length && a.every((byte, place) => byte === b[place]);
const leafHash = (leaf) => sha256(concatBytes(new Uint8Array([0]), leaf));
const nodeHash = (left, right) => sha256(concatBytes(new Uint8Array([1]), left, right));
const unhex = (text) => hexToBytes(text.replace(/^0x/, ""));

export function unbase64(text) {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4) throw new Error("base64");
  const raw = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  if (btoa(String.fromCharCode(...raw)) !== text) throw new Error("base64");
  return raw;
}

// `name+hash+base64(kind || key)`, alone or in the file that a deployment gives to verifiers.
export function parseKey(text) {
  let line = text.trim();
  if (line.startsWith("{")) line = String(JSON.parse(line).checkpoint_key ?? "");
  const [, name, hash, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(line) ?? [];
  if (!name) throw new Error("key");
  const raw = unbase64(encoded);
  if (raw.length !== HASH + 1 || raw[0] !== KIND) throw new Error("key");
  const id = sha256(concatBytes(utf8ToBytes(`${name}\n`), raw)).slice(0, 4);
  if (bytesToHex(id) !== hash) throw new Error("key");
  return { name, id, key: raw.slice(1) };
}

// The checkpoint of a note that this key signed. Throws what is wrong: note, signature.
export function openCheckpoint(note, { name, id, key }) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) throw new Error("note");
  const text = note.slice(0, end + 1);
  const signed = note.slice(end + 2, -1).split("\n").some((line) => {
    const [, signer, encoded] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (signer !== name) return false;
    const raw = unbase64(encoded);
    return equal(raw.slice(0, 4), id) && ed25519.verify(raw.slice(4), utf8ToBytes(text), key, { zip215: false });
  });
  if (!signed) throw new Error("signature");
  const [origin, size, root] = text.split("\n");
  if (!origin || !/^(0|[1-9][0-9]{0,15})$/.test(size ?? "")) throw new Error("note");
  const bytes = unbase64(root);
  if (bytes.length !== HASH) throw new Error("note");
  return { origin, size: Number(size), root: bytes };
}

// RFC 9162 section 2.1.3.2
export function includes(leaf, index, size, proof, root) {
  if (!(index >= 0 && index < size) || proof.some((one) => one.length !== HASH)) return false;
  let place = BigInt(index), last = BigInt(size - 1), hash = leafHash(leaf);
  for (const sibling of proof) {
    if (last === 0n) return false;
    if (place & 1n || place === last) {
      hash = nodeHash(sibling, hash);
      while (!(place & 1n) && place !== 0n) { place >>= 1n; last >>= 1n; }
    } else hash = nodeHash(hash, sibling);
    place >>= 1n; last >>= 1n;
  }
  return last === 0n && equal(hash, root);
}

// RFC 9162 section 2.1.4.2
export function isPrefix(old, oldRoot, size, root, proof) {
  if (!(old > 0 && old <= size) || proof.some((one) => one.length !== HASH)) return false;
  if (old === size) return proof.length === 0 && equal(oldRoot, root);
  const path = Number.isInteger(Math.log2(old)) ? [oldRoot, ...proof] : [...proof];
  if (!path.length) return false;
  let place = BigInt(old - 1), last = BigInt(size - 1);
  while (place & 1n) { place >>= 1n; last >>= 1n; }
  let [was, is] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (last === 0n) return false;
    if (place & 1n || place === last) {
      [was, is] = [nodeHash(sibling, was), nodeHash(sibling, is)];
      while (!(place & 1n) && place !== 0n) { place >>= 1n; last >>= 1n; }
    } else is = nodeHash(is, sibling);
    place >>= 1n; last >>= 1n;
  }
  return last === 0n && equal(was, oldRoot) && equal(is, root);
}

// ---- the page

const fetched = async (path) => {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error("fetch");
  return answer.json();
};

async function check(box) {
  const list = box.querySelector("ol"), verdict = box.querySelector(".proof-verdict");
  list.replaceChildren();
  verdict.className = "proof-verdict";
  verdict.textContent = "";
  const say = (word, isGood, values = {}) => {
    const template = box.querySelector(`[data-word="${word}"]`)?.textContent ?? word;
    const item = document.createElement("li");
    item.className = isGood ? "good" : "bad";
    item.textContent = template.replace(/\[(\w+)\]/g, (_, name) => String(values[name] ?? ""));
    list.append(item);
    return isGood;
  };
  const isTrue = await steps(box, say).catch((problem) => say(PROBLEMS[problem.message] ?? "failed", false));
  verdict.className = `proof-verdict ${isTrue ? "good" : "bad"}`;
  verdict.textContent = box.querySelector(`[data-word="${isTrue ? "all_true" : "not_true"}"]`).textContent;
  verdict.focus();
}

const PROBLEMS = { key: "key_bad", base64: "key_bad", note: "note_bad", signature: "signature_bad", fetch: "fetch_bad" };

async function steps(box, say) {
  const key = parseKey(box.querySelector("textarea").value);
  say("key_good", true, { name: key.name });
  const settlement = box.dataset.settlement;
  const told = await fetched(settlement ? `/log/proof/${settlement}` : "/log/proof");
  const newest = openCheckpoint(told.checkpoint, key);
  say("signature_good", true, { name: key.name, size: newest.size });
  if (settlement) {
    if (!told.leaves.length) return say("leaves_none", false);
    for (const { index, leaf, proof } of told.leaves) {
      const says = JSON.parse(leaf);
      if (says.settlement !== settlement) return say("leaf_other", false, { index });
      if (!includes(utf8ToBytes(leaf), index, newest.size, proof.map(unhex), newest.root)) return say("leaf_bad", false, { index });
    }
    say("leaves_good", true, { count: told.leaves.length, first: told.leaves[0].index, last: told.leaves.at(-1).index });
  }
  return remembered(newest, key, told.checkpoint, say);
}

// The checkpoint that this browser saw last: the log of today must begin with it.
async function remembered(newest, key, note, say) {
  const name = SEEN + newest.origin + bytesToHex(key.id), kept = localStorage.getItem(name);
  if (kept === null) say("first_seen", true, { size: newest.size });
  else {
    const old = openCheckpoint(kept, key);
    if (old.size > newest.size) return say("shrank", false, { old: old.size, size: newest.size });
    const { proof } = await fetched(`/log/grown?old=${old.size}&new=${newest.size}`);
    if (old.size && !isPrefix(old.size, old.root, newest.size, newest.root, proof.map(unhex))) return say("rewritten", false, { old: old.size, size: newest.size });
    say("grown_good", true, { old: old.size, size: newest.size });
  }
  localStorage.setItem(name, note);
  return true;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-check-proof]")?.closest(".proof");
  if (box) check(box);
});
document.addEventListener("change", async (event) => {
  if (event.target.matches(".proof input[type=file]") && event.target.files[0]) {
    event.target.closest(".proof").querySelector("textarea").value = await event.target.files[0].text();
  }
});
for (const one of document.querySelectorAll(".proof [data-check-proof]")) one.disabled = false;
