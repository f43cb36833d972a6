// Static files beside a worker.
//
// Source: the Workers documentation, "Static Assets", "HTML handling", "Not found handling", "Headers" (2026-11).

const TYPES = {
  html: 'text/html; charset=utf-8', htm: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8', mjs: 'text/javascript; charset=utf-8', json: 'application/json',
  map: 'application/json', txt: 'text/plain; charset=utf-8', md: 'text/markdown; charset=utf-8',
  xml: 'application/xml', svg: 'image/svg+xml', png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg',
  gif: 'image/gif', webp: 'image/webp', avif: 'image/avif', ico: 'image/vnd.microsoft.icon', woff: 'font/woff',
  woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf', wasm: 'application/wasm', pdf: 'application/pdf',
  mp4: 'video/mp4', webm: 'video/webm', mp3: 'audio/mpeg', wav: 'audio/wav', zip: 'application/zip',
  csv: 'text/csv; charset=utf-8', webmanifest: 'application/manifest+json',
};

const redirect = (location) => new Response(null, { status: 307, headers: { location } });

// Where a path leads: a file, another path, or nothing.
function find(path, handling, has) {
  const file = (found) => (has(found) ? { file: found } : null);
  const to = (location) => ({ location });
  if (handling === 'none') return file(path);
  const base = path.replace(/\/$/, '');
  if (path.endsWith('/index.html')) {
    if (!has(path)) return null;
    const folder = path.slice(0, -'index.html'.length);
    return to(handling === 'drop-trailing-slash' && folder !== '/' ? folder.slice(0, -1) : folder);
  }
  if (path.endsWith('.html')) {
    const bare = path.slice(0, -'.html'.length);
    if (!has(path)) return null;
    return to(handling === 'force-trailing-slash' ? bare + '/' : bare);
  }
  if (path !== '/' && !path.endsWith('/') && has(path)) return { file: path };
  const index = base + '/index.html';
  const page = base + '.html';
  if (path.endsWith('/')) {
    if (handling === 'drop-trailing-slash' && path !== '/') {
      return has(page) || has(index) ? to(base) : null;
    }
    if (has(index)) return { file: index };
    if (path === '/' || !has(page)) return null;
    return handling === 'force-trailing-slash' ? { file: page } : to(base);
  }
  if (has(page)) return handling === 'force-trailing-slash' ? to(base + '/') : { file: page };
  if (!has(index)) return null;
  return handling === 'drop-trailing-slash' ? { file: index } : to(base + '/');
}

function notFound(path, handling, has) {
  if (handling === 'single-page-application') return has('/index.html') ? { file: '/index.html', status: 200 } : null;
  if (handling !== '404-page') return null;
  for (let folder = path; folder !== ''; ) {
    folder = folder.slice(0, folder.lastIndexOf('/'));
    if (has(folder + '/404.html')) return { file: folder + '/404.html', status: 404 };
  }
  return null;
}

// A target with what a rule captured in the place of `{name}`.
const fill = (text, groups = {}) => text.replace(/\{(\w+)\}/g, (whole, name) => groups[name] ?? (name in groups ? '' : whole));

// The first redirect of a path; nothing where there is none.
function redirected(url, rules = []) {
  for (const { from, to, status } of rules) {
    const found = new RegExp(from).exec(url.pathname);
    if (found === null) continue;
    const location = fill(to, found.groups);
    const query = location.includes('?') || location.includes('#') ? '' : url.search;
    return { location: location + query, path: location.split(/[?#]/)[0], status };
  }
  return null;
}

export async function serveAsset(request, env, settings) {
  const url = new URL(request.url);
  const moved = redirected(url, settings.redirects);
  if (moved !== null && moved.status !== 200) {
    return new Response(null, { status: moved.status, headers: { location: moved.location } });
  }
  const response = await serveFile(request, env, settings, moved?.path ?? url.pathname, url.search);
  if (response.status === 404 && response.headers.get('etag') === null) return response;
  for (const { from, set, unset } of settings.headers ?? []) {
    const found = new RegExp(from).exec(url.pathname);
    if (found === null) continue;
    for (const name of unset) response.headers.delete(name);
    for (const [name, value] of set) response.headers.set(name, fill(value, found.groups));
  }
  return response;
}

async function serveFile(request, env, { files, html_handling, not_found_handling }, pathname, search) {
  let path;
  try { path = decodeURIComponent(pathname); } catch { path = pathname; }
  const has = (file) => Object.hasOwn(files, file);
  const found = find(path, html_handling, has) ?? notFound(path, not_found_handling, has);
  if (!found) return new Response('Not Found', { status: 404 });
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return new Response('Method Not Allowed', { status: 405, headers: { allow: 'GET, HEAD' } });
  }
  if (found.location !== undefined) {
    return redirect(found.location.split('/').map(encodeURIComponent).join('/') + search);
  }
  const etag = `"${files[found.file]}"`;
  const extension = found.file.split('/').at(-1).split('.').slice(1).at(-1)?.toLowerCase();
  const headers = new Headers({ etag, 'cache-control': 'public, max-age=0, must-revalidate' });
  if (TYPES[extension]) headers.set('content-type', TYPES[extension]);
  const asked = request.headers.get('if-none-match');
  if (asked?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)) return new Response(null, { status: 304, headers });
  const location = found.file.split('/').map(encodeURIComponent).join('/');
  const response = await env.FILES.fetch(`http://files${location}`);
  if (!response.ok) return new Response('Not Found', { status: 404 });
  const length = response.headers.get('content-length');
  if (length) headers.set('content-length', length);
  const body = request.method === 'HEAD' ? null : response.body;
  return new Response(body, { status: found.status ?? 200, headers });
}

// What the worker's own binding reaches.
export default { fetch: (request, env) => serveAsset(request, env, env.SETTINGS.assets) };
