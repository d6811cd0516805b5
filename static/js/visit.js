// <body data-visit-url="…">: tells that url once that somebody really looks at the page: not a preview, and not a
// page that was opened ahead or in the background. When others took the last view (410), the page says so itself.
const { visitUrl } = document.body.dataset;

async function tell() {
  // It is sent even if the page is left at once.
  const answer = await fetch(visitUrl, { method: "POST", keepalive: true });
  if (answer.status === 410) location.reload();
}

function isLookedAt() {
  return document.visibilityState === "visible" && !document.prerendering;
}

function tellOnceLookedAt() {
  if (!isLookedAt()) return;
  document.removeEventListener("visibilitychange", tellOnceLookedAt);
  document.removeEventListener("prerenderingchange", tellOnceLookedAt);
  tell().catch(() => {}); // without a connection nothing is counted, and the page stays as it is
}

if (visitUrl) {
  document.addEventListener("visibilitychange", tellOnceLookedAt);
  document.addEventListener("prerenderingchange", tellOnceLookedAt);
  tellOnceLookedAt();
}
