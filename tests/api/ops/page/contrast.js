// Returns each text whose contrast with its background is below 4.5 (WCAG 2.2, 1.4.3), with its ratio.
const channels = (colour) => colour.match(/[\d.]+/g).map(Number);

function luminance(colour) {
  const [red, green, blue] = channels(colour).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ground(element) {
  const colour = getComputedStyle(element).backgroundColor;
  const [, , , opacity = 1] = channels(colour);
  if (opacity === 0 && element.parentElement) return ground(element.parentElement);
  return opacity === 0 ? "rgb(255, 255, 255)" : colour;
}

function contrast(element) {
  const { color, fill } = getComputedStyle(element);
  const both = [element instanceof SVGElement ? fill : color, ground(element)].map(luminance);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}

const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const failures = [];
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.data.trim();
  if (!text || !element.getClientRects().length) continue;
  if (contrast(element) < 4.5) failures.push(`${text}: ${contrast(element).toFixed(2)}`);
}
return failures;
