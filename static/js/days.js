// The strip of days shows the day that is looked at, also where scroll-initial-target (visitor.css) is not known.
const day = document.querySelector(".days [aria-current]");
const strip = day?.closest("ol");

function middleOf(element) {
  const { left, width } = element.getBoundingClientRect();
  return left + width / 2;
}

// Not scrollIntoView, which may move the page around a frame as well.
if (strip) strip.scrollLeft += middleOf(day) - middleOf(strip);
