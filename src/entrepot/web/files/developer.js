// Copies what a button names; without it the text can still be selected.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  event.preventDefault();
  await navigator.clipboard?.writeText(document.querySelector(button.dataset.copy).textContent);
  button.dataset.said ??= button.textContent;
  button.textContent = "✓";
  setTimeout(() => { button.textContent = button.dataset.said; }, 1200);
});
