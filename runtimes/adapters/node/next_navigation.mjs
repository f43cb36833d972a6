// What route handlers use of `next/navigation`.

function fail(digest) {
  throw Object.assign(new Error(digest.split(';')[0]), { digest });
}

export function redirect(url, type = 'replace') {
  fail(`NEXT_REDIRECT;${type};${url};307;`);
}

export function permanentRedirect(url, type = 'replace') {
  fail(`NEXT_REDIRECT;${type};${url};308;`);
}

export function notFound() {
  fail('NEXT_HTTP_ERROR_FALLBACK;404');
}

export function forbidden() {
  fail('NEXT_HTTP_ERROR_FALLBACK;403');
}

export function unauthorized() {
  fail('NEXT_HTTP_ERROR_FALLBACK;401');
}
