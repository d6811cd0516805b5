// <form data-regions>: shapes drawn on a picture, written into the text areas that are submitted.
// The text is the truth: it is what is drawn, and typing into it draws, too.
const SVG = "http://www.w3.org/2000/svg";
const form = document.querySelector("[data-regions]");
const canvas = form.querySelector("[data-canvas]");
const KINDS = ["regions", "ignore_regions"];
const NEAR = 12; // pixels around the first corner that close the shape
let corners = [];

const area = (kind) => form.querySelector(`textarea[name=${kind}]`);
const chosen = () => form.querySelector("[data-tools] input:checked").value;
const linesOf = (kind) => area(kind).value.split("\n").filter((line) => line.trim());
const write = (points) => points.map((point) => point.join(",")).join(" ");

function draw(name, classes, attributes) {
  const element = document.createElementNS(SVG, name);
  element.setAttribute("class", classes);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  canvas.append(element);
}

function isShape(line) {
  const points = line.trim().split(/\s+/);
  return points.length > 2 && points.every((point) => /^\d+(\.\d+)?,\d+(\.\d+)?$/.test(point));
}

function redraw() {
  canvas.replaceChildren();
  for (const kind of KINDS) {
    const classes = kind === "regions" ? "region" : "region region--ignored";
    for (const line of linesOf(kind).filter(isShape)) draw("polygon", classes, { points: line.trim() });
  }
  if (!corners.length) return;
  const classes = chosen() === "regions" ? "draft" : "draft draft--ignored";
  draw("polyline", classes, { points: write(corners) });
  // A line of no length with round ends is a dot that the stretched coordinates leave round.
  for (const [x, y] of corners) draw("path", `${classes} draft-corner`, { d: `M${x} ${y}h0` });
}

function closeShape() {
  if (corners.length < 3) return;
  const kind = chosen();
  area(kind).value = [...linesOf(kind), write(corners)].join("\n");
  corners = [];
  redraw();
}

function isNearFirst(event) {
  if (corners.length < 3) return false;
  const frame = canvas.getBoundingClientRect();
  const x = frame.left + (corners[0][0] / 100) * frame.width;
  const y = frame.top + (corners[0][1] / 100) * frame.height;
  return Math.hypot(event.clientX - x, event.clientY - y) < NEAR;
}

function addCorner(event) {
  if (isNearFirst(event)) return closeShape();
  const frame = canvas.getBoundingClientRect();
  const percent = (part) => Math.round(Math.min(Math.max(part, 0), 1) * 1000) / 10;
  corners.push([
    percent((event.clientX - frame.left) / frame.width),
    percent((event.clientY - frame.top) / frame.height),
  ]);
  return redraw();
}

function undo() {
  if (corners.length) corners.pop();
  else area(chosen()).value = linesOf(chosen()).slice(0, -1).join("\n");
  redraw();
}

if (canvas) {
  form.querySelector("[data-tools]").hidden = false;
  canvas.addEventListener("click", addCorner);
  form.querySelector("[data-undo]").addEventListener("click", undo);
  form.querySelector("[data-close]").addEventListener("click", closeShape);
  for (const input of form.querySelectorAll("[data-tools] input")) input.addEventListener("change", redraw);
  for (const kind of KINDS) area(kind).addEventListener("input", redraw);
  // A shape whose last corner was set but which was not closed is meant, too.
  form.addEventListener("submit", closeShape);
  redraw();
}
