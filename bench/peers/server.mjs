// The benchmark's handler behind Node's own HTTP server.
import http from "node:http";
import { handler } from "../functions/node/index.mjs";

const server = http.createServer(async (request, response) => {
  const answer = await handler({}, {});
  response.writeHead(answer.statusCode, answer.headers);
  response.end(answer.body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
