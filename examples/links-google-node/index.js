const functions = require('@google-cloud/functions-framework');
const store = require('./store');

functions.http('links', async (req, res) => {
  const [code, rest] = req.path.slice(1).split('/');
  if (req.method === 'PUT' && rest === undefined) return shorten(code, req, res);
  if (req.method === 'GET' && rest === undefined) return follow(code, res);
  if (req.method === 'GET' && rest === 'clicks') return res.json({ clicks: await store.clicks(code) });
  return res.status(404).send('not found');
});

async function shorten(code, req, res) {
  const url = req.rawBody?.toString() ?? '';
  if (!URL.canParse(url)) return res.status(400).send('the body must be a URL');
  await store.write(code, url);
  return res.status(201).json({ code, url });
}

async function follow(code, res) {
  const url = await store.read(code);
  if (url === undefined) return res.status(404).send('no such link');
  await store.publish(code);
  return res.redirect(302, url);
}

functions.cloudEvent('countClick', async ({ id, data }) => {
  await store.count(Buffer.from(data.message.data, 'base64').toString(), id);
});

functions.cloudEvent('heartbeat', ({ time }) => console.log('links are served', time));
