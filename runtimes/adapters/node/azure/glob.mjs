// Patterns of files: `*`, `**`, `?`, `{a,b}` and `[ab]`.

/// A function that says whether a path is one of the pattern's.
export function matcher(pattern) {
  let text = '';
  let depth = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const c = pattern[at];
    if (pattern.startsWith('**/', at)) {
      text += '(?:[^/]+/)*';
      at += 2;
    } else if (pattern.startsWith('**', at)) {
      text += '.*';
      at += 1;
    } else if (c === '*') text += '[^/]*';
    else if (c === '?') text += '[^/]';
    else if (c === '{') {
      text += '(?:';
      depth += 1;
    } else if (c === '}' && depth > 0) {
      text += ')';
      depth -= 1;
    } else if (c === ',' && depth > 0) text += '|';
    else if (c === '[' && pattern.indexOf(']', at) > at) {
      const end = pattern.indexOf(']', at);
      text += `[${pattern.slice(at + 1, end).replace(/^!/, '^').replace(/\\/g, '\\\\')}]`;
      at = end;
    } else text += c.replace(/[.+^$|()\\{}\]]/g, '\\$&');
  }
  const regex = new RegExp(`^${text}$`);
  return (path) => regex.test(path);
}
