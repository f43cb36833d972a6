"""Workflows of Cloudflare Workers: steps that are done once, waiting that outlives the server, events and failures."""
import json
import uuid

import pytest

from conftest import eventually
from test_workers import worker, wrangler  # noqa: F401 - `worker` is a fixture

BINDING = """
    [[workflows]]
    name = "orders"
    binding = "ORDERS"
    class_name = "Orders"
    [[kv_namespaces]]
    binding = "SEEN"
    """
SOURCE = """
import { WorkflowEntrypoint } from 'cloudflare:workers';
import { NonRetryableError } from 'cloudflare:workflows';

export class Orders extends WorkflowEntrypoint {
  async run(event, step) {
    const { kind } = event.payload ?? {};
    const count = async (name) => {
      const key = `${event.instanceId}:${name}`;
      const seen = Number(await this.env.SEEN.get(key)) + 1;
      await this.env.SEEN.put(key, String(seen));
      return seen;
    };
    if (kind === 'sleeps') {
      const first = await step.do('first', () => count('first'));
      await step.sleep('a while', '1 second');
      const again = await step.do('first', () => count('first'));
      await step.sleepUntil('a moment', new Date(event.timestamp.getTime() + 10));
      return { first, again, when: event.timestamp instanceof Date };
    }
    if (kind === 'long') {
      await step.do('before', () => count('before'));
      await step.sleep('long', '3 seconds');
      return { before: await step.do('after', () => count('after')) };
    }
    if (kind === 'waits') {
      await step.do('prepare', () => count('prepare'));
      const [told, other] = await Promise.all([
        step.waitForEvent('for approval', { type: 'approval', timeout: '1 hour' }),
        step.waitForEvent('for payment', { type: 'payment' }),
      ]);
      return { approved: told.payload.by, paid: other.payload, type: told.type };
    }
    if (kind === 'late') {
      try { await step.waitForEvent('never', { type: 'never', timeout: '1 second' }); } catch (error) { return { said: error.name }; }
    }
    if (kind === 'retries') {
      const config = { retries: { limit: 3, delay: '1 second', backoff: 'constant' } };
      return step.do('flaky', config, async ({ attempt }) => {
        if (await count('flaky') < 3) throw new Error('not yet');
        return { attempt };
      });
    }
    if (kind === 'slow') {
      return step.do('slow', async () => {
        const seen = await count('slow');
        await new Promise((resolve) => setTimeout(resolve, 1500));
        return seen;
      });
    }
    if (kind === 'fatal') {
      return step.do('fatal', async () => { await count('fatal'); throw new NonRetryableError('no use'); });
    }
    if (kind === 'stuck') {
      return step.do('stuck', { timeout: 100, retries: { limit: 0, delay: 0 } }, () => new Promise((resolve) => setTimeout(resolve, 5000)));
    }
    return { instance: event.instanceId, none: await step.do('nothing', async () => {}) === undefined };
  }
}

export default { async fetch(request, env) {
  const url = new URL(request.url);
  const [, verb, id] = url.pathname.split('/');
  try {
    if (verb === 'create') {
      const instance = await env.ORDERS.create({ id, params: await request.json() });
      return Response.json({ id: instance.id, ...(await instance.status()) });
    }
    if (verb === 'batch') {
      const made = await env.ORDERS.createBatch([{ id: id + '-1' }, { id: id + '-2' }, { id: id + '-1' }]);
      return Response.json(made.map((instance) => instance.id));
    }
    if (verb === 'own') return Response.json({ id: (await env.ORDERS.create()).id });
    if (verb === 'count') return new Response(await env.SEEN.get(`${id}:${url.searchParams.get('name')}`));
    const instance = await env.ORDERS.get(id);
    if (verb === 'event') await instance.sendEvent(await request.json());
    else if (verb !== 'status') await instance[verb]();
    return Response.json(await instance.status());
  } catch (error) { return Response.json({ error: error.message }, { status: 400 }); }
} };
"""


@pytest.fixture
def orders(worker):  # noqa: F811
    """orders(verb, id, body) asks the worker; gives the decoded answer."""
    get = worker({"wrangler.toml": wrangler(BINDING), "index.js": SOURCE})

    def ask(verb, id="", body=None):
        return get(f"/{verb}/{id}", "POST", data=json.dumps(body)).json()
    ask.get = get
    return ask


def ended(ask, id):
    """The status of an instance that has ended."""
    def look():
        status = ask("status", id)
        return status if status["status"] in ("complete", "errored", "terminated") else None
    return eventually(look, within=30)


def test_steps_are_done_once_and_their_values_kept(orders):
    made = orders("create", "a", {"kind": "sleeps"})
    assert made["id"] == "a" and made["status"] in ("queued", "running")
    assert ended(orders, "a") == {"status": "complete", "output": {"first": 1, "again": 2, "when": True}}
    assert "already_exists" in orders("create", "a", {})["error"]
    assert orders("batch", "b") == ["b-1", "b-2"]
    assert ended(orders, "b-2")["output"] == {"instance": "b-2", "none": True}
    own = orders("own")["id"]
    assert ended(orders, own)["output"]["instance"] == own
    assert "not_found" in orders("status", "unknown")["error"]


def test_events_are_waited_for_and_come_in_any_order(orders):
    orders("create", "w", {"kind": "waits"})
    assert eventually(lambda: orders("status", "w")["status"] == "waiting")
    orders("event", "w", {"type": "payment", "payload": 7})
    orders("event", "w", {"type": "approval", "payload": {"by": "ada"}})
    assert ended(orders, "w")["output"] == {"approved": "ada", "paid": 7, "type": "approval"}
    assert "error" in orders("event", "w", {"type": "payment"})
    assert orders.get("/count/w?name=prepare").text == "1"
    orders("create", "l", {"kind": "late"})
    assert ended(orders, "l")["output"] == {"said": "WorkflowTimeoutError"}


def test_steps_are_tried_again_unless_it_is_no_use(orders):
    for kind in ("retries", "fatal", "stuck"):
        orders("create", kind, {"kind": kind})
    assert ended(orders, "retries") == {"status": "complete", "output": {"attempt": 3}}
    failed = ended(orders, "fatal")
    assert (failed["status"], failed["error"]["message"]) == ("errored", "no use")
    assert orders.get("/count/fatal?name=fatal").text == "1"
    assert ended(orders, "stuck")["error"]["name"] == "WorkflowTimeoutError"


def test_instances_are_paused_terminated_and_restarted(orders):
    orders("create", "p", {"kind": "waits"})
    assert eventually(lambda: orders("status", "p")["status"] == "waiting")
    assert orders("pause", "p")["status"] == "paused"
    for kind in ("payment", "approval"):
        orders("event", "p", {"type": kind, "payload": {"by": "bo"}})
    assert orders("status", "p")["status"] == "paused"
    orders("resume", "p")
    assert ended(orders, "p")["output"]["approved"] == "bo"
    orders("restart", "p")
    assert eventually(lambda: orders("status", "p")["status"] == "waiting")
    assert orders.get("/count/p?name=prepare").text == "2"
    assert orders("terminate", "p")["status"] == "terminated"
    assert "error" in orders("terminate", "p") and "error" in orders("resume", "p")


def test_a_step_under_way_at_a_pause_is_not_done_again(orders):
    orders("create", "s", {"kind": "slow"})
    assert eventually(lambda: orders.get("/count/s?name=slow").text == "1")
    assert orders("pause", "s")["status"] == "waitingForPause"
    assert eventually(lambda: orders("status", "s")["status"] == "paused")
    orders("resume", "s")
    assert ended(orders, "s")["output"] == 1
    assert orders.get("/count/s?name=slow").text == "1"


def test_instances_outlive_the_server(own_server, tmp_path):
    server = own_server.start()
    (tmp_path / "wrangler.toml").write_text(wrangler("\n".join(line.strip() for line in BINDING.splitlines())))
    (tmp_path / "index.js").write_text(SOURCE)
    name = f"w-{uuid.uuid4().hex[:8]}"
    done = server.cli("deploy", tmp_path, "--name", name, "--yes")
    assert done.returncode == 0, done.stderr

    def ask(verb, body=None):
        return server.http(f"{name}.localhost", f"/{verb}/x", "POST", data=json.dumps(body)).json()
    ask("create", {"kind": "long"})
    eventually(lambda: ask("status")["status"] == "waiting")
    server.kill()
    server.start()
    status = eventually(lambda: (lambda it: it if it["status"] == "complete" else None)(ask("status")), within=30)
    assert status["output"] == {"before": 1}
    assert server.http(f"{name}.localhost", "/count/x?name=before").text == "1"


def test_a_worker_runs_workflows_of_another(orders, worker):  # noqa: F811
    foreign = BINDING.replace('class_name = "Orders"', f'class_name = "Orders"\n    script_name = "{orders.get.name}"')
    get = worker({"wrangler.toml": wrangler(foreign), "index.js": SOURCE.replace("export class Orders", "class Orders")})

    def ask(verb, id="", body=None):
        return get(f"/{verb}/{id}", "POST", data=json.dumps(body)).json()
    assert ask("create", "a", {"kind": "waits"})["id"] == "a"
    assert eventually(lambda: ask("status", "a")["status"] == "waiting")
    ask("event", "a", {"type": "payment", "payload": 7})
    ask("event", "a", {"type": "approval", "payload": {"by": "ada"}})
    assert ended(ask, "a")["output"] == {"approved": "ada", "paid": 7, "type": "approval"}
    # It is the other worker's, which sees the same.
    assert orders("status", "a") == ask("status", "a")
    assert "already_exists" in ask("create", "a", {})["error"] and "not_found" in ask("status", "unknown")["error"]
    assert "complete" in ask("terminate", "a")["error"]
