// Paths with `[id]`, `[...rest]` and `[[...rest]]`, as Next.js and Vercel name files after them.

/// What a pattern's segments are, and which comes first of two that match: literal, then one, then many, then any.
export function compile(pattern) {
  const segments = pattern.split('/').filter(Boolean).map((text) => {
    const found = /^\[(\[)?(\.\.\.)?([^\]]+)\]\]?$/.exec(text);
    if (found === null) return { kind: 0, text };
    return { kind: found[1] ? 3 : found[2] ? 2 : 1, name: found[3] };
  });
  return { segments, rank: segments.map(({ kind }) => kind).join('') };
}

/// Sorts routes so that the first match is the right one.
export function byRank(left, right) {
  return left.rank < right.rank ? -1 : left.rank > right.rank ? 1 : 0;
}

/// The parameters of a path that a pattern matches, decoded; null where it does not.
export function match({ segments }, path) {
  const parts = path.split('/').filter(Boolean).map(decode);
  const params = {};
  let at = 0;
  for (const { kind, text, name } of segments) {
    if (kind >= 2) {
      const rest = parts.slice(at);
      if (rest.length === 0 && kind === 2) return null;
      if (rest.length > 0) params[name] = rest;
      return params;
    }
    if (at >= parts.length || (kind === 0 && parts[at] !== text)) return null;
    if (kind === 1) params[name] = parts[at];
    at += 1;
  }
  return at === parts.length ? params : null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
