// Patterns of `config.path`: the path part of the URLPattern standard, as far as files of functions use it.

/// A pattern as a regular expression with named groups.
export function compilePath(pattern) {
  let text = '';
  let unnamed = 0;
  for (let at = 0; at < pattern.length; ) {
    const named = /^:([A-Za-z_]\w*)/.exec(pattern.slice(at));
    if (named !== null || pattern[at] === '(') {
      const name = named?.[1] ?? `_${(unnamed += 1) - 1}`;
      at += named?.[0].length ?? 0;
      let group = '[^/]+?';
      if (pattern[at] === '(') {
        const end = pattern.indexOf(')', at);
        group = pattern.slice(at + 1, end);
        at = end + 1;
      }
      const modifier = /[*+?]/.test(pattern[at] ?? '') ? pattern[at++] : '';
      const slash = text.endsWith('/') && modifier !== '';
      if (slash) text = text.slice(0, -1);
      const before = slash ? '/' : '';
      const many = modifier === '*' || modifier === '+' ? `${group}(?:/${group})*` : group;
      const one = `${before}(?<${name}>${many})`;
      text += modifier === '*' || modifier === '?' ? `(?:${one})?` : one;
    } else if (pattern[at] === '*') {
      text += `(?<_${(unnamed += 1) - 1}>.*)`;
      at += 1;
    } else if (pattern[at] === '{') {
      text += '(?:';
      at += 1;
    } else if (pattern[at] === '}') {
      at += 1;
      text += /[*+?]/.test(pattern[at] ?? '') ? `)${pattern[at++]}` : ')';
    } else {
      text += pattern[at].replace(/[.+^$|[\]\\]/g, '\\$&');
      at += 1;
    }
  }
  return new RegExp(`^${text}/?$`);
}

/// The parameters of a path, decoded; null where the pattern does not match.
export function matchPath(pattern, path) {
  const found = pattern.exec(path);
  if (found === null) return null;
  const params = {};
  for (const [name, value] of Object.entries(found.groups ?? {})) {
    if (value === undefined) continue;
    try {
      params[name.replace(/^_(\d+)$/, '$1')] = decodeURIComponent(value);
    } catch {
      params[name.replace(/^_(\d+)$/, '$1')] = value;
    }
  }
  return params;
}
