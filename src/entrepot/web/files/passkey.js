// Passkeys: asks our server for a challenge, the authenticator for its answer, and hands that back.
// A form says with data-passkey what it does ("get" or "create"), and where it begins.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const descriptors = (all = []) => all.map((one) => ({ ...one, id: bytes(one.id) }));

async function answer(kind, options) {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  if (kind === "create") {
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = descriptors(options.excludeCredentials);
    const made = await navigator.credentials.create({ publicKey });
    const transports = made.response.getTransports?.() ?? [];
    const response = { clientDataJSON: text(made.response.clientDataJSON), attestationObject: text(made.response.attestationObject), transports };
    return { id: made.id, rawId: text(made.rawId), type: made.type, response };
  }
  const found = await navigator.credentials.get({ publicKey });
  const response = {
    clientDataJSON: text(found.response.clientDataJSON),
    authenticatorData: text(found.response.authenticatorData),
    signature: text(found.response.signature),
  };
  if (found.response.userHandle) response.userHandle = text(found.response.userHandle);
  return { id: found.id, rawId: text(found.rawId), type: found.type, response };
}

async function post(path, form) {
  const answered = await fetch(path, { method: "POST", body: form, headers: { accept: "application/json" } });
  return answered.json();
}

async function act(form) {
  const sent = new FormData(form);
  const begun = await post(form.dataset.begin, sent);
  if (begun.says) return begun;
  let given;
  try {
    given = await answer(form.dataset.passkey, begun.options);
  } catch (error) {
    return { says: error.name === "InvalidStateError" ? form.dataset.known : form.dataset.cancelled };
  }
  sent.set("passkey", JSON.stringify(given));
  return post(form.action, sent);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.hidden = false;
  const said = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    button.disabled = true;
    const done = await (window.PublicKeyCredential ? act(form) : Promise.resolve({ says: form.dataset.unsupported })).catch(() => ({ says: form.dataset.failed }));
    button.disabled = false;
    if (done.to) location.assign(done.to);
    else said.textContent = done.says ?? form.dataset.failed;
  });
}
