"""WebSockets of apps: the function agrees, and bytes go both ways from then on."""
import pytest
import websocket

from dialects import deploy  # noqa: F401

WORKER = """
    import { DurableObject } from 'cloudflare:workers';
    export class Room extends DurableObject {
      async fetch() {
        const [client, server] = Object.values(new WebSocketPair());
        this.ctx.acceptWebSocket(server);
        return new Response(null, { status: 101, webSocket: client });
      }
      webSocketMessage(_, message) { for (const socket of this.ctx.getWebSockets()) socket.send('all ' + message); }
    }
    export default { async fetch(request, env) {
      const url = new URL(request.url);
      if (url.pathname === '/room') return env.ROOM.get(env.ROOM.idFromName('one')).fetch(request);
      if (request.headers.get('upgrade') !== 'websocket') return new Response('no socket', { status: 426 });
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener('message', (event) => event.data === 'bye' ? server.close(4001, 'done') : server.send(event.data));
      return new Response(null, { status: 101, webSocket: client });
    } };
    """

WRANGLER = """
    name = "w"
    main = "index.js"
    compatibility_date = "2025-09-01"
    [[durable_objects.bindings]]
    name = "ROOM"
    class_name = "Room"
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Room"]
    """


def connect(server, app, path="/"):
    port = server.edge.rsplit(":", 1)[1]
    return websocket.create_connection(f"ws://127.0.0.1:{port}{path}", host=f"{app}.localhost", timeout=20)


def test_sockets_of_workers_and_their_objects(deploy, server):
    get = deploy("sockets", {"wrangler.toml": WRANGLER, "index.js": WORKER})
    assert get("/").status_code == 426
    echo = connect(server, "sockets")
    echo.send("hi")
    assert echo.recv() == "hi"
    echo.send("x" * 100_000)
    assert len(echo.recv()) == 100_000
    echo.send_binary(b"\x00\xff")
    assert echo.recv() == b"\x00\xff"
    echo.send("bye")
    opcode, frame = echo.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE and frame[:2] == (4001).to_bytes(2, "big")
    first, second = connect(server, "sockets", "/room"), connect(server, "sockets", "/room")
    first.send("a")
    assert (first.recv(), second.recv()) == ("all a", "all a")
    first.close()
    second.send("b")
    assert second.recv() == "all b"
    second.close()
    assert get("/").status_code == 426


def test_sockets_of_programs_of_deno(deploy, server):
    deploy("deno-sockets", {"deno.json": "{}", "main.ts": """
        Deno.serve((request) => {
          if (request.headers.get('upgrade') !== 'websocket') return new Response('plain');
          const { socket, response } = Deno.upgradeWebSocket(request);
          socket.onmessage = (event) => socket.send('echo ' + event.data);
          return response;
        });
        """})
    socket = connect(server, "deno-sockets")
    socket.send("a")
    assert socket.recv() == "echo a"
    socket.close()


def test_a_function_that_does_not_agree_answers_as_ever(deploy, server):
    deploy("no-sockets", {"index.mjs": "export const handler = async () => ({ statusCode: 418, body: 'tea' })"})
    try:
        connect(server, "no-sockets")
        raise AssertionError("it became a WebSocket")
    except websocket.WebSocketBadStatusException as refused:
        assert refused.status_code == 418


def test_sockets_of_servers(deploy, server):
    deploy("server-sockets", {"package.json": '{"scripts": {"start": "node server.js"}}', "server.js": """
        const { createHash } = require('node:crypto');
        const { createServer } = require('node:http');
        createServer((_, response) => response.end('no socket')).on('upgrade', (request, socket) => {
          if (request.url === '/never') return;
          const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
          socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n'
            + `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\\r\\n\\r\\n`);
          socket.on('data', () => socket.write(Buffer.from([0x81, 2, 0x68, 0x69])));
        }).listen(process.env.PORT);
        """})
    socket = connect(server, "server-sockets")
    socket.send("any")
    assert socket.recv() == "hi"
    socket.close()


@pytest.mark.parametrize("app, files", [
    ("late-function", {"index.mjs": """
        export const handler = awslambda.streamifyResponse(() => new Promise(() => setInterval(() => {}, 1000)));
        """, "ebb.toml": """
        [[function]]
        runtime = "nodejs"
        handler = "index.handler"
        route = "/*"
        stream = true
        timeout = 1
        """}),
    ("late-server", {"server.mjs": """
        import { createServer } from 'node:http';
        createServer(() => {}).on('upgrade', () => {}).listen(process.env.PORT);
        """, "ebb.toml": """
        [[function]]
        command = "node server.mjs"
        route = "/*"
        timeout = 1
        """}),
])
def test_what_never_agrees_runs_out_of_its_time(deploy, server, app, files):
    deploy(app, files)
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        connect(server, app)
    assert refused.value.status_code in (502, 504)
