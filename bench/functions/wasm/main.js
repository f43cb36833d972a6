// The benchmark's handler as a component of wasi:http. VERSION is that of the interfaces it is built against.
import { ResponseOutparam, OutgoingResponse, OutgoingBody, Fields } from 'wasi:http/types@VERSION';

const encoder = new TextEncoder();

export const incomingHandler = {
  handle(request, out) {
    const response = new OutgoingResponse(Fields.fromList([['content-type', encoder.encode('text/plain')]]));
    const body = response.body();
    ResponseOutparam.set(out, { tag: 'ok', val: response });
    const stream = body.write();
    stream.blockingWriteAndFlush(encoder.encode('hello'));
    stream[Symbol.dispose]();
    OutgoingBody.finish(body, undefined);
  },
};
