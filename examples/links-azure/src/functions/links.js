const { app, input, output } = require('@azure/functions');

const connection = 'AzureWebJobsStorage';
const stored = { path: 'links/{code}.txt', connection };
const counted = { path: 'links/{code}.count', connection };

const link = input.storageBlob(stored);
const count = input.storageBlob(counted);
const newLink = output.storageBlob(stored);
const newCount = output.storageBlob(counted);
const clicks = output.storageQueue({ queueName: 'link-clicks', connection });

const shown = (blob) => blob?.toString().trim();

app.http('shorten', {
  methods: ['PUT'],
  route: '{code:alpha}',
  extraOutputs: [newLink],
  handler: async (request, context) => {
    const url = await request.text();
    if (!URL.canParse(url)) return { status: 400, body: 'the body must be a URL' };
    context.extraOutputs.set(newLink, url);
    return { status: 201, jsonBody: { code: request.params.code, url } };
  },
});

app.http('follow', {
  methods: ['GET'],
  route: '{code:alpha}',
  extraInputs: [link],
  extraOutputs: [clicks],
  handler: (request, context) => {
    const url = shown(context.extraInputs.get(link));
    if (url === undefined) return { status: 404, body: 'no such link' };
    context.extraOutputs.set(clicks, { code: request.params.code });
    return { status: 302, headers: { location: url } };
  },
});

app.http('clicks', {
  methods: ['GET'],
  route: '{code:alpha}/clicks',
  extraInputs: [count],
  handler: (request, context) => ({ jsonBody: { clicks: Number(shown(context.extraInputs.get(count)) ?? 0) } }),
});

// A click is counted after its answer: one message, one more.
app.storageQueue('countClick', {
  queueName: 'link-clicks',
  connection,
  extraInputs: [count],
  extraOutputs: [newCount],
  handler: (message, context) => {
    context.extraOutputs.set(newCount, String(Number(shown(context.extraInputs.get(count)) ?? 0) + 1));
  },
});

app.timer('heartbeat', {
  schedule: '0 * * * * *',
  handler: (timer, context) => context.log('links are served', timer.isPastDue ? 'late' : 'in time'),
});
