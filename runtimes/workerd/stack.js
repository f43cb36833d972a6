// Shows in stacks where a bundled worker's own sources are.
//
// Source: the source map format (ECMA-426), and V8's stack trace API.

import map from './ebb-source-map.json';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
// What ebb puts around a worker is of no interest to it.
const OWN = /\bebb-[a-z-]+\.js:/;

// The segments of each line: [column, source, line, column], each from 0. Made when the first stack is asked for.
let lines;
let sources;

function decode() {
  const { bundle, mappings, sources: named } = JSON.parse(map);
  const digits = new Map([...DIGITS].map((digit, value) => [digit, value]));
  let [source, line, column] = [0, 0, 0];
  sources = named;
  lines = mappings.split(';').map((text) => {
    let generated = 0;
    const segments = [];
    for (const segment of text.split(',')) {
      const numbers = [];
      let [value, shift] = [0, 0];
      for (const digit of segment) {
        const bits = digits.get(digit);
        value |= (bits & 31) << shift;
        shift += 5;
        if (bits & 32) continue;
        numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
        [value, shift] = [0, 0];
      }
      if (numbers.length === 0) continue;
      generated += numbers[0];
      if (numbers.length < 4) continue;
      source += numbers[1];
      line += numbers[2];
      column += numbers[3];
      segments.push([generated, source, line, column]);
    }
    return segments;
  });
  return bundle;
}

let bundle;

// A place in the bundle as one in the sources; nothing where it has none there.
function placed(line, column) {
  let found;
  for (const segment of lines[line - 1] ?? []) {
    if (segment[0] > column - 1) break;
    found = segment;
  }
  return found && `${sources[found[1]]}:${found[2] + 1}:${found[3] + 1}`;
}

function shown(site) {
  const text = String(site);
  if (site.getFileName() !== bundle) return text;
  const place = placed(site.getLineNumber(), site.getColumnNumber());
  return place === undefined ? text : text.replace(`${bundle}:${site.getLineNumber()}:${site.getColumnNumber()}`, place);
}

function said(error) {
  try { return String(error); } catch { return 'Error'; }
}

Error.prepareStackTrace = (error, sites) => {
  bundle ??= decode();
  const frames = sites.map(shown).filter((frame) => !OWN.test(frame));
  return [said(error), ...frames.map((frame) => `    at ${frame}`)].join('\n');
};
