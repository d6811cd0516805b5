// <form data-share="url"> beside <iframe data-share-frame>: what is filled in is asked of that url, in the frame.
// Without this the form's own button shows the same. A password does not belong into an address.
// The browser looks at the fields itself only where this opens what hides a wrong one; else the server does.
const PAUSE = 400;
const LEFT_OUT = ["csrfmiddlewaretoken", "password"];

const form = document.querySelector("form[data-share]");
const frame = document.querySelector("[data-share-frame]");
let timer = 0;
let shown = "";

function asked() {
  const said = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...said]) {
    if (!value || LEFT_OUT.includes(name)) said.delete(name);
  }
  return String(said);
}

function preview() {
  const query = asked();
  if (query === shown) return;
  shown = query;
  // In place of what is there: the way back leads out of the form, not through its previews.
  frame.contentWindow.location.replace(`${form.dataset.share}?${query}`);
}

if (form && frame) {
  form.noValidate = false;
  form.addEventListener("invalid", (event) => {
    const closed = event.target.closest("details:not([open])");
    if (closed) closed.open = true;
  }, true);
  form.querySelector("[data-share-preview]").hidden = true;
  shown = asked();
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(preview, PAUSE);
  });
}
