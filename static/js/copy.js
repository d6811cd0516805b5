// <button data-copy="id" hidden>: copies the text of the element of that id.
function copyBySelection(element) {
  // The clipboard's own interface exists on https and localhost only; many servers here are reached by plain http.
  getSelection().selectAllChildren(element);
  const copied = document.execCommand("copy");
  if (copied) getSelection().removeAllRanges();
  return copied;
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    return copyBySelection(element);
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const label = button.firstChild;
  button.addEventListener("click", async () => {
    label.data = (await copy(document.getElementById(button.dataset.copy))) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (label.data = "Copy"), 2000);
  });
}
