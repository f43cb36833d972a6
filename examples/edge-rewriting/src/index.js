// Pages are rewritten on their way to the reader: in a language that the reader has, one of two variants that stays the
// same, and links that lead where they should.

const GREETINGS = { de: 'Guten Tag', en: 'Hello', fr: 'Bonjour' };

export default {
  async fetch(request, env) {
    const page = await env.PAGES.fetch(request);
    if (!page.headers.get('content-type')?.startsWith('text/html')) return page;
    const language = languageOf(request);
    const { variant, isNew } = variantOf(request);
    const rewritten = new HTMLRewriter()
      .on('html', { element: (html) => { html.setAttribute('lang', language); } })
      .on('[data-greeting]', { element: (greeting) => { greeting.setInnerContent(GREETINGS[language]); } })
      .on('a[href^="http://old.example.com"]', {
        element: (link) => { link.setAttribute('href', link.getAttribute('href').replace('http://old.', 'https://new.')); },
      })
      .on('body', { element: (body) => { body.setAttribute('class', `variant-${variant}`); } })
      .transform(page);
    const answer = new Response(rewritten.body, rewritten);
    answer.headers.set('vary', 'accept-language, cookie');
    if (isNew) answer.headers.append('set-cookie', `variant=${variant}; Path=/; Max-Age=86400`);
    return answer;
  },
};

function languageOf(request) {
  const wanted = (request.headers.get('accept-language') ?? '').split(',').map((one) => one.trim().slice(0, 2));
  return wanted.find((language) => language in GREETINGS) ?? 'en';
}

function variantOf(request) {
  const known = /(?:^|; )variant=([ab])/.exec(request.headers.get('cookie') ?? '')?.[1];
  return known === undefined ? { variant: Math.random() < 0.5 ? 'a' : 'b', isNew: true } : { variant: known, isNew: false };
}
