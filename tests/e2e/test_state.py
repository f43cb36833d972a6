"""What was acknowledged survives a kill at any moment; nothing is left behind."""
import json
import os
import random
import socket
import subprocess
import threading
import time
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from conftest import ROLE, eventually, zipped


def test_acknowledged_changes_survive_kills_at_random_moments(own_server):
    acknowledged, source = [], zipped({"app.py": "def handler(e, c):\n    return e\n"})
    for _ in range(5):
        own_server.start()
        lam = own_server.client("lambda")

        def write():
            while True:
                name = f"f-{uuid.uuid4().hex[:10]}"
                try:
                    lam.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE,
                                        Code={"ZipFile": source})
                    acknowledged.append(name)
                    lam.publish_version(FunctionName=name)
                    acknowledged.append(f"{name}:1")
                except (BotoCoreError, ClientError):
                    return

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.3, 1.0))
        own_server.kill()
        for writer in writers:
            writer.join()
    own_server.start()
    for name in acknowledged:
        function, _, version = name.partition(":")
        own_server.lam.get_function_configuration(FunctionName=function, **({"Qualifier": version} if version else {}))
    assert len(acknowledged) > 10
    last = acknowledged[-1].partition(":")[0]
    assert json.loads(own_server.lam.invoke(FunctionName=last, Payload=b"3")["Payload"].read()) == 3
    own_server.stop()


def left_behind(server):
    """Processes that the server or one before it in its folder started, by what they were started with or belong to."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open(f"/proc/{pid}/cmdline", "rb").read()
            environment = open(f"/proc/{pid}/environ", "rb").read()
            name = open(f"/proc/{pid}/comm").read()
            if open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z":
                continue
        except OSError:
            continue
        if str(server.folder).encode() in line or server.mark.encode() in environment or name.startswith(f"sbx ebb-{server.mark}"[:15]):
            found.append((pid, name, line))
    return found


def test_nothing_acknowledged_is_lost_in_ten_kills(own_server):
    """Functions, updates, aliases and accepted events, counted as they are acknowledged; a kill at any instant, ten times."""
    server, kinds = own_server, {"function": 0, "update": 0, "alias": 0, "event": 0}
    functions, updates, aliases, accepted = [], {}, {}, set()
    server.start()
    logger = server.create("import os\ndef handler(e, c):\n    print('ran', e['n'])\n", name=f"{server.mark}-log",
                           Environment={"Variables": {"MARK": server.mark}}, Timeout=10)
    subject = server.create("def handler(e, c):\n    return 0\n", name=f"{server.mark}-subject",
                            Environment={"Variables": {"MARK": server.mark, "N": "0"}})
    version = server.lam.publish_version(FunctionName=subject)["Version"]
    count = 0

    def work(kind, lam):
        nonlocal count
        while True:
            count += 1
            n = count
            try:
                if kind == "function":
                    name = f"{server.mark}-{n}"
                    lam.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE,
                                        Code={"ZipFile": zipped({"app.py": f"def handler(e, c):\n    return {n}\n"})})
                    functions.append((name, n))
                elif kind == "update":
                    lam.update_function_configuration(FunctionName=subject, Environment={"Variables": {"MARK": server.mark, "N": str(n)}})
                    updates["last"] = n
                elif kind == "alias":
                    lam.create_alias(FunctionName=subject, Name=f"a{n}", FunctionVersion=version)
                    aliases[f"a{n}"] = version
                else:
                    lam.invoke(FunctionName=logger, InvocationType="Event", Payload=json.dumps({"n": n}))
                    accepted.add(n)
                kinds[kind] += 1
            except ClientError as error:
                # An update follows an update that is still being applied.
                if error.response["Error"]["Code"] != "ResourceConflictException":
                    return
            except BotoCoreError:
                return

    for _ in range(10):
        workers = [threading.Thread(target=work, args=(kind, server.client("lambda"))) for kind in kinds]
        for worker in workers:
            worker.start()
        time.sleep(random.uniform(0.05, 0.9))
        server.kill()
        for worker in workers:
            worker.join()
        eventually(lambda: not left_behind(server), within=10)
        server.start()
    assert all(kinds.values()), kinds
    for name, n in functions:
        eventually(lambda: server.lam.get_function_configuration(FunctionName=name)["State"] == "Active", within=30)
    for name, n in functions[-3:]:
        assert server.invoke(name)[0] == n
    for alias in aliases:
        assert server.lam.get_alias(FunctionName=subject, Name=alias)["FunctionVersion"] == version
    # One more than was acknowledged may have been made before its answer was.
    made = int(server.lam.get_function_configuration(FunctionName=subject)["Environment"]["Variables"]["N"])
    assert made >= updates["last"], (made, updates)
    eventually(lambda: not accepted - {int(line.split()[1]) for line in server.log_of(logger) if line.startswith("ran ")}, within=90)
    server.stop()
    eventually(lambda: not left_behind(server), within=5)
    print("acknowledged and kept:", kinds)


def test_accepted_events_run_after_a_crash(own_server):
    own_server.start()
    slow = own_server.create("import time\ndef handler(e, c):\n    time.sleep(3)\n    print('ran', e['n'])\n", Timeout=10)
    for n in range(3):
        assert own_server.lam.invoke(FunctionName=slow, InvocationType="Event", Payload=json.dumps({"n": n}))["StatusCode"] == 202
    own_server.kill()
    own_server.start()
    eventually(lambda: all(any(f"ran {n}" in line for line in own_server.log_of(slow)) for n in range(3)), within=60)
    own_server.stop()


def test_a_second_server_refuses_the_folder_and_says_who_holds_it(own_server):
    own_server.start()
    second = subprocess.run([own_server.binary, "serve", "--data", own_server.data, "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0"],
                            capture_output=True, text=True, timeout=20)
    assert second.returncode == 1 and second.stderr.startswith("error: ")
    assert str(own_server.process.pid) in second.stderr
    own_server.stop()


def test_a_killed_server_takes_every_instance_with_it(own_server):
    own_server.start()
    mark = uuid.uuid4().hex
    name = own_server.create("def handler(e, c):\n    return 1\n", Environment={"Variables": {"MARK": mark}})
    own_server.invoke(name)

    def marked():
        found = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                found += mark.encode() in open(f"/proc/{pid}/environ", "rb").read()
            except OSError:
                pass
        return found
    assert marked()
    own_server.kill()
    eventually(lambda: not marked(), within=5)


def test_what_a_killed_server_and_launcher_leave_on_the_machine_is_removed_by_the_next(own_server):
    """Cgroups, interfaces and rules: the launcher that would remove them is killed, too."""
    def left(owner):
        groups = [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if f"ebb-sandboxes.{owner}." in folder]
        tables = subprocess.run(["sh", "-c", "nft list tables 2>/dev/null; ip -br link 2>/dev/null"], capture_output=True, text=True).stdout
        return groups + [line for line in tables.splitlines() if f"ebb_sandboxes_{owner}_" in line or line.startswith(f"ebb{owner}@")]
    server = own_server.start()
    name = server.create("def handler(e, c):\n    return 1\n", Environment={"Variables": {"MARK": server.mark}})
    assert server.invoke(name)[0] == 1
    launcher = next(int(pid) for pid in filter(str.isdigit, os.listdir("/proc")) if parent(pid) == server.process.pid)
    os.kill(launcher, 9)
    server.kill()
    eventually(lambda: not left_behind(server), within=5)
    server.start()
    assert server.invoke(name)[0] == 1
    # The kernel lets go of a group once whoever is their parent now has asked how its processes ended.
    eventually(lambda: not left(launcher), within=120)
    server.stop()


def parent(pid):
    try:
        return int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def test_running_requests_end_before_the_server_does(own_server):
    own_server.start()
    name = own_server.create("import time\ndef handler(e, c):\n    time.sleep(2)\n    return 'whole'\n")
    answers = []
    caller = threading.Thread(target=lambda: answers.append(own_server.invoke(name)[0]))
    caller.start()
    time.sleep(1)
    own_server.stop()
    caller.join()
    assert answers == ["whole"]


def test_secrets_on_disk_are_the_owners_alone(own_server):
    own_server.start()
    assert (own_server.data / "credentials").stat().st_mode & 0o777 == 0o600
    assert own_server.data.stat().st_mode & 0o077 == 0
    own_server.stop()


def test_a_server_that_is_told_to_stop_is_gone_in_time_whatever_runs(own_server):
    """A function that never ends, one that outlives SIGTERM, an extension that does, a client that reads nothing, one that
    sends half a request."""
    server = own_server.start()
    forever = server.create("import time\ndef handler(e, c):\n    time.sleep(200)\n", Timeout=300)
    deaf = server.create("""
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, '-c', 'import signal,time\\nsignal.signal(15, signal.SIG_IGN)\\ntime.sleep(300)'])
        def handler(e, c):
            return 'x'
        """)
    assert server.invoke(deaf)[0] == "x"
    layer = server.lam.publish_layer_version(LayerName="stubborn", Content={"ZipFile": zipped({"extensions/stubborn": """\
        #!/usr/bin/python3
        import json, os, signal, time, urllib.request
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        base = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2020-01-01/extension"
        made = urllib.request.urlopen(urllib.request.Request(base + "/register", json.dumps({"events": ["INVOKE", "SHUTDOWN"]}).encode(),
                                                             {"Lambda-Extension-Name": "stubborn"}))
        me = {"Lambda-Extension-Identifier": made.headers["Lambda-Extension-Identifier"]}
        while json.load(urllib.request.urlopen(urllib.request.Request(base + "/event/next", headers=me)))["eventType"] != "SHUTDOWN":
            pass
        time.sleep(300)
        """})})
    extended = server.create("def handler(e, c):\n    return 'y'\n", Layers=[layer["LayerVersionArn"]])
    assert server.invoke(extended)[0] == "y"
    server.lam.invoke(FunctionName=forever, InvocationType="Event", Payload=b"{}")
    host, port = server.edge.split("//")[1].split(":")
    url = server.url(forever)
    calls = [socket.create_connection((host, int(port))) for _ in range(3)]
    calls[0].sendall(f"GET / HTTP/1.1\r\nHost: {url}\r\n\r\n".encode())
    calls[1].sendall(f"GET / HTTP/1.1\r\nHost: {url}\r\n".encode())
    calls[2].sendall(f"POST / HTTP/1.1\r\nHost: {url}\r\nContent-Length: 100\r\n\r\nabc".encode())
    time.sleep(1)
    # `stop` asserts that it ends by itself, with status 0, within the 20 seconds of the contract.
    server.stop()
    # The launcher sees to the last of it when the server is gone.
    eventually(lambda: not left_behind(server), within=5)
    for call in calls:
        call.close()
