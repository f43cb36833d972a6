// Route templates of HTTP triggers, as ASP.NET has them: `items/{id:int}`, `{name?}`, `{*rest}`.
//
// Source: the Azure Functions documentation, "HTTP trigger", "Customize the HTTP endpoint", and the ASP.NET Core
// documentation, "Routing", "Route constraints" (2026-11).

const NUMBER = String.raw`-?\d+(?:\.\d+)?`;
const GUID = '\\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\\}?';

const TESTS = {
  int: (value) => /^-?\d+$/.test(value) && Math.abs(Number(value)) <= 2147483648,
  long: (value) => /^-?\d+$/.test(value),
  bool: (value) => /^(true|false)$/i.test(value),
  decimal: (value) => new RegExp(`^${NUMBER}$`).test(value),
  double: (value) => new RegExp(`^${NUMBER}(?:e[+-]?\\d+)?$`, 'i').test(value),
  float: (value) => new RegExp(`^${NUMBER}(?:e[+-]?\\d+)?$`, 'i').test(value),
  guid: (value) => new RegExp(`^${GUID}$`, 'i').test(value),
  datetime: (value) => !Number.isNaN(Date.parse(value)),
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value !== '',
  minlength: (value, least) => value.length >= Number(least),
  maxlength: (value, most) => value.length <= Number(most),
  length: (value, least, most = least) => value.length >= Number(least) && value.length <= Number(most),
  min: (value, least) => /^-?\d+$/.test(value) && Number(value) >= Number(least),
  max: (value, most) => /^-?\d+$/.test(value) && Number(value) <= Number(most),
  range: (value, least, most) => /^-?\d+$/.test(value) && Number(value) >= Number(least) && Number(value) <= Number(most),
  // Braces are written twice in a template.
  regex: (value, ...parts) => new RegExp(parts.join(',').replaceAll('{{', '{').replaceAll('}}', '}'), 'i').test(value),
};

/// A template, ready to be matched with paths.
export function compile(template) {
  const segments = split(template.replace(/^\/|\/$/g, '')).map(segment);
  return { template, segments, rank: segments.map(({ rank }) => rank) };
}

/// The parameters of a path, decoded; null where the template is not its.
export function match({ segments }, path) {
  const trimmed = path.replace(/^\/|\/$/g, '');
  const parts = trimmed === '' ? [] : trimmed.split('/');
  const params = {};
  for (let at = 0; at < segments.length; at += 1) {
    const { catchAll, optional, regex, names, constraints, defaults } = segments[at];
    if (catchAll) {
      const value = decode(parts.slice(at).join('/'));
      if (value !== '') params[names[0]] = value;
      return holds(constraints, params) ? params : null;
    }
    if (at >= parts.length) {
      if (!optional) return null;
      Object.assign(params, defaults);
      continue;
    }
    const found = regex.exec(decode(parts[at]));
    if (found === null) return null;
    names.forEach((name, index) => { params[name] = found[index + 1]; });
    if (!holds(constraints, params)) return null;
  }
  return parts.length > segments.length ? null : params;
}

/// Orders templates: what says more of a path comes first.
export function compare(a, b) {
  for (let at = 0; at < Math.max(a.rank.length, b.rank.length); at += 1) {
    // A path that ends is said more of than one that may go on.
    const difference = (a.rank[at] ?? 2.5) - (b.rank[at] ?? 2.5);
    if (difference !== 0) return difference;
  }
  return 0;
}

/// Segments: a slash inside of braces, as a regular expression may have it, separates none.
function split(template) {
  const segments = [''];
  let depth = 0;
  for (const c of template) {
    if (c === '{') depth += 1;
    if (c === '}') depth -= 1;
    if (c === '/' && depth === 0) segments.push('');
    else segments[segments.length - 1] += c;
  }
  return segments.filter((text) => text !== '');
}

function segment(text) {
  const names = [];
  const constraints = [];
  const defaults = {};
  let optional = false;
  let catchAll = false;
  let regex = '';
  let rest = text;
  while (rest !== '') {
    if (!rest.startsWith('{')) {
      const end = rest.indexOf('{');
      regex += (end < 0 ? rest : rest.slice(0, end)).replace(/[.*+?^$|()[\]{}\\]/g, '\\$&');
      rest = end < 0 ? '' : rest.slice(end);
      continue;
    }
    const end = closing(rest);
    let inside = rest.slice(1, end);
    rest = rest.slice(end + 1);
    if (inside.startsWith('*')) {
      catchAll = true;
      inside = inside.replace(/^\*+/, '');
    }
    if (inside.endsWith('?')) {
      optional = true;
      inside = inside.slice(0, -1);
    }
    const [, name, tests, value] = /^([^:=]+)((?::(?:[^=(]|\((?:[^()]|\([^()]*\))*\))*)*)(?:=(.*))?$/.exec(inside) ?? [null, inside, '', undefined];
    if (value !== undefined) {
      optional = true;
      defaults[name] = value;
    }
    for (const [, test, argument] of tests.matchAll(/:([a-z]+)(?:\(((?:[^()]|\([^()]*\))*)\))?/gi)) {
      constraints.push({ name, test: test.toLowerCase(), arguments: argument === undefined ? [] : argument.split(',') });
    }
    names.push(name);
    regex += rest === '' ? '(.+)' : '(.+?)';
  }
  const plain = names.length === 0;
  const rank = plain ? 0 : catchAll ? 4 : names.length === 1 && text.startsWith('{') && text.endsWith('}') ? (constraints.length > 0 ? 2 : 3) : 1;
  return { names, constraints, defaults, optional, catchAll, rank, regex: new RegExp(`^${regex}$`, 'i') };
}

function closing(text) {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}' && (depth -= 1) === 0) return at;
  }
  return text.length;
}

function holds(constraints, params) {
  return constraints.every(({ name, test, arguments: given }) => params[name] === undefined || (TESTS[test]?.(params[name], ...given) ?? true));
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
