// Arrow keys: from card to card in a list, from picture to picture on a picture's page.
// Letters act only while a card has the focus, so that they are in nobody's way (WCAG 2.1.4).
const ARROWS = { ArrowLeft: -1, ArrowRight: 1 };
const LETTERS = { k: -1, j: 1 };
const TYPING = "input, textarea, select, summary, pre, [role=region]";

function stepOf(event) {
  const onCard = event.target.closest("[data-cards]");
  return ARROWS[event.key] ?? (onCard ? LETTERS[event.key] : undefined);
}

function focusCard(step) {
  const cards = [...document.querySelectorAll("[data-cards] a")];
  const at = cards.indexOf(document.activeElement);
  const next = at === -1 ? cards[0] : cards[at + step];
  next?.focus();
  return Boolean(next);
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(TYPING)) return;
  const step = stepOf(event);
  if (!step) return;
  const neighbour = document.querySelector(step < 0 ? "a[data-newer]" : "a[data-older]");
  neighbour?.click();
  if (neighbour || focusCard(step)) event.preventDefault();
});
