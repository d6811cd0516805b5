// <form data-preview="url">: what is filled in is sent there, and the answer shown in [data-preview-here].
// Without this the form's own button shows the same.
const PAUSE = 300;

const form = document.querySelector("form[data-preview]");
const place = form?.querySelector("[data-preview-here]");
let timer = 0;
let latest = 0;

async function preview() {
  latest += 1;
  const mine = latest;
  const response = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
  // A session that ended leads elsewhere, and what was asked before must not replace what was asked since.
  if (!response.ok || response.redirected) return;
  const text = await response.text();
  if (mine === latest) place.innerHTML = text;
}

function previewSoon() {
  clearTimeout(timer);
  // Without a connection the button still tells.
  timer = setTimeout(() => preview().catch(() => {}), PAUSE);
}

if (place) {
  form.addEventListener("input", previewSoon);
  previewSoon();
}
