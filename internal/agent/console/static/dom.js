/** Small helpers over the document. Text only ever goes in as text. */

/**
 * Finds an element of the page by id.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/**
 * Makes an element. Strings among the children become text nodes.
 * @param {string} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes] false, null and undefined are left out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  setAttributes(node, attributes);
  node.append(...children);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, string|number|boolean|null|undefined>} [attributes]
 * @param {...(Node|string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  setAttributes(node, attributes);
  node.append(...children);
  return /** @type {SVGElement} */ (node);
}

/** @param {Element} node @param {Record<string, any>} attributes */
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * Puts a card first in a list and lets go of the oldest beyond most.
 * @param {Element} list
 * @param {Element} card
 * @param {number} most
 */
export function prepend(list, card, most) {
  list.prepend(card);
  while (list.children.length > most) list.lastElementChild?.remove();
}

/**
 * Brings a card into sight where the panels scroll by themselves; elsewhere it would take the page along.
 * @param {Element} card
 */
export function reveal(card) {
  if (matchMedia('(min-width: 56rem)').matches) card.scrollIntoView({ block: 'nearest' });
}

/**
 * Milliseconds as people read them: "84 ms", "1.25 s".
 * @param {number} ms
 */
export function duration(ms) {
  if (!Number.isFinite(ms)) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/**
 * Any value as indented JSON; JSON text is read first. Long values are cut.
 * @param {unknown} value
 */
export function pretty(value) {
  let shown = value;
  if (typeof value === 'string') {
    try {
      shown = JSON.parse(value);
    } catch {
      return value.slice(0, 20000);
    }
  }
  return (JSON.stringify(shown, null, 2) ?? '').slice(0, 20000);
}
