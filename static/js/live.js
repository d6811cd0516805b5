// <… data-live="url" data-keyed>: kept equal to what the server sends from that url, while the page is looked at.
// Children of data-keyed elements are matched by data-key; only those that differ are touched, so that focus,
// scroll position and loaded pictures stay. With data-uncounted, what is new in it are no pictures. When the server sends no data-live any more, there is no more to come.
const INTERVAL = 2000;
const LONGEST = 30000;
const QUIET = 10000;

const news = document.querySelector("[data-live-news]");
const trouble = document.querySelector("[data-live-trouble]");
let unannounced = 0;
let announcedAt = -QUIET;

function merge(old, fresh) {
  const left = new Map([...old.children].map((child) => [child.dataset.key, child]));
  let place = old.firstElementChild;
  let added = 0;
  for (const child of [...fresh.children]) {
    let mine = left.get(child.dataset.key);
    left.delete(child.dataset.key);
    if (!mine) {
      added += child.matches("li") ? 1 : child.querySelectorAll("[data-cards] > li").length;
      mine = child;
    } else if ("keyed" in mine.dataset && "keyed" in child.dataset) {
      added += merge(mine, child);
    } else if (!mine.isEqualNode(child)) {
      if (place === mine) place = child;
      mine.replaceWith(child);
      mine = child;
    }
    if (place === mine) place = mine.nextElementSibling;
    else old.insertBefore(mine, place);
  }
  for (const child of left.values()) child.remove();
  return added;
}

function mergeKeepingFocus(root, fresh) {
  const key = document.activeElement?.closest("[data-key]")?.dataset.key;
  const added = merge(root, fresh);
  if (key && document.activeElement === document.body) {
    root.querySelector(`[data-key="${CSS.escape(key)}"]`)?.querySelector("a, button, input")?.focus();
  }
  return added;
}

// Someone who listens is told of new pictures at most every ten seconds.
function announce(added) {
  unannounced += added;
  if (!unannounced || performance.now() - announcedAt < QUIET) return;
  news.textContent = unannounced === 1 ? "1 new picture." : `${unannounced} new pictures.`;
  unannounced = 0;
  announcedAt = performance.now();
}

function show(root, text) {
  const template = document.createElement("template");
  template.innerHTML = text;
  const fresh = template.content.querySelector("[data-keyed]");
  const { live, news: words } = fresh.dataset;
  const added = mergeKeepingFocus(root, fresh);
  if (!("uncounted" in fresh.dataset)) announce(added);
  if (!live) delete root.dataset.live;
  if (words && words !== news.textContent) news.textContent = words;
}

function keepUpToDate(root) {
  let etag = "";
  let wait = INTERVAL;
  let timer = 0;

  async function refresh() {
    const response = await fetch(root.dataset.live, {
      cache: "no-store",
      headers: etag ? { "If-None-Match": etag } : {},
    });
    // The session ended: the page itself leads to the login and back.
    if (response.redirected) return location.reload();
    if (response.status === 304) return undefined;
    if (!response.ok) throw new Error(`status ${response.status}`);
    show(root, await response.text());
    etag = response.headers.get("ETag") ?? "";
    return undefined;
  }

  async function poll() {
    try {
      await refresh();
      wait = INTERVAL;
      trouble.hidden = true;
    } catch {
      wait = Math.min(wait * 2, LONGEST);
      trouble.hidden = false;
    }
    plan();
  }

  function plan(soon = wait) {
    clearTimeout(timer);
    if (root.dataset.live && !document.hidden) timer = setTimeout(poll, soon);
  }

  document.addEventListener("visibilitychange", () => plan(0));
  plan();
}

for (const root of document.querySelectorAll("[data-live]")) keepUpToDate(root);
