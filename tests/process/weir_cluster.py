"""A real cluster for a test: daemons of a real distribution as child processes, on ports the kernel chose, in a folder of their own.

    with Cluster(task_managers=2, slots=2) as cluster:
        job = cluster.submit(cluster.job_library, entry="endless")
        cluster.wait_for_state(job, "RUNNING")

Every wait has a deadline and says what it waited for. Nothing outlives the `with`.
"""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

SANITIZER = os.environ.get("WEIR_TEST_SANITIZER", "")  # what the distribution was built with: "address", "thread" or nothing
# Deadlines and limits of memory are for a build without one.
SLOWNESS = {"": 1, "address": 3, "thread": 6}[SANITIZER]
FATNESS = {"": 1, "address": 3, "thread": 10}[SANITIZER]
DEADLINE = float(os.environ.get("WEIR_TEST_DEADLINE", "20")) * SLOWNESS
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def not_under(*sanitizers, because):
    """Leaves a test out under sanitizers that it cannot live with, and says why: @not_under("address", because="...")"""
    return unittest.skipIf(SANITIZER in sanitizers, because)


def dist():
    """The distribution under test; tools/dev makes it before the tests run."""
    path = os.environ.get("WEIR_TEST_DIST")
    if not path or not os.path.exists(os.path.join(path, "bin", "weir")):
        sys.exit("WEIR_TEST_DIST does not name a distribution; run the tests by tools/dev test")
    return path


def job_libraries():
    """The folder of the test job libraries, built beside the tests."""
    return os.environ["WEIR_TEST_JOBS"]


def wait_for(condition, what, deadline=None):
    """Calls `condition` until it answers something true, and gives that answer."""
    seconds = deadline * SLOWNESS if deadline else DEADLINE
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            answer = condition()
            if answer:
                return answer
            last = answer
        except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
            last = error
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what}; last answer: {last!r}")


class Daemon:
    """One JobManager or TaskManager process."""

    def __init__(self, cluster, kind, name, arguments):
        self.kind, self.name = kind, name
        self.log = os.path.join(cluster.directory, "log", f"{name}.log")
        self.out = os.path.join(cluster.directory, "log", f"{name}.console")
        self.ports_file = os.path.join(cluster.directory, f"{name}.ports")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ports_file)
        command = [os.path.join(cluster.home, "bin", kind), "--configDir", cluster.conf, "--log-file", self.log,
                   "--ports-file", self.ports_file, *arguments]
        with open(self.out, "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=cluster.environment,
                                            start_new_session=True)
        self.ports = wait_for(self._read_ports, f"{name} to be ready (console: {self.console()[-400:]!r})")

    def _read_ports(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}: {self.console()}")
        with open(self.ports_file, encoding="utf-8") as ports:
            return json.load(ports)

    def console(self):
        with open(self.out, encoding="utf-8", errors="replace") as out:
            return out.read()

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, deadline=10):
        """Sends the signal and gives the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(deadline * SLOWNESS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
                raise AssertionError(f"{self.name} did not end within {deadline} s of {signal.Signals(number).name}") from None
        return self.process.returncode

    def resident_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def children(self):
        """Process ids of the job workers of a TaskManager, of the planners of a JobManager."""
        found = []
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):  # each knows only those that it has forked itself
            with contextlib.suppress(OSError), open(f"/proc/{self.process.pid}/task/{thread}/children", encoding="ascii") as children:
                found += [int(pid) for pid in children.read().split()]
        return found


class Cluster:
    def __init__(self, task_managers=1, slots=2, options=None, home=None):
        self.home = home or dist()
        self.directory = tempfile.mkdtemp(prefix="weir-test-")
        self.conf = os.path.join(self.directory, "conf")
        os.makedirs(os.path.join(self.directory, "log"))
        os.makedirs(self.conf)
        self.options = {
            "rest.port": 0, "rest.bind-port": 0, "jobmanager.rpc.port": 0, "blob.server.port": 0,
            "io.tmp.dirs": os.path.join(self.directory, "tmp"), "taskmanager.numberOfTaskSlots": slots,
            "taskmanager.memory.process.size": "1g",
            **(options or {}),
        }
        self.write_config(self.options)
        self.environment = {**os.environ, "WEIR_HOME": self.home, "WEIR_CONF_DIR": self.conf}
        for name in ("FLINK_CONF_DIR", "FLINK_HOME", "FLINK_PROPERTIES", "WEIR_PROPERTIES"):
            self.environment.pop(name, None)
        self.job_manager = None
        self.task_managers = []
        self._wanted = task_managers

    def write_config(self, options):
        with open(os.path.join(self.conf, "config.yaml"), "w", encoding="utf-8") as config:
            for key, value in options.items():
                config.write(f"{key}: {json.dumps(value) if isinstance(value, str) else value}\n")

    def __enter__(self):
        try:
            self.job_manager = Daemon(self, "jobmanager", "jobmanager", [])
            for _ in range(self._wanted):
                self.add_task_manager()
            self.wait_for_slots(self._wanted * int(self.options["taskmanager.numberOfTaskSlots"]))
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        for daemon in [*self.task_managers, *([self.job_manager] if self.job_manager else [])]:
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
        if error is not None:
            for daemon in [*([self.job_manager] if self.job_manager else []), *self.task_managers]:
                print(f"--- end of {daemon.log}\n{daemon.log_text()[-3000:]}", file=sys.stderr)
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- daemons ----

    def add_task_manager(self, *arguments):
        ports = self.job_manager.ports
        daemon = Daemon(self, "taskmanager", f"taskmanager-{len(self.task_managers)}",
                        ["-D", f"jobmanager.rpc.port={ports['rpc']}", *arguments])
        self.task_managers.append(daemon)
        return daemon

    def restart_job_manager(self, number=signal.SIGKILL):
        """Ends it and starts another one on the same ports."""
        ports = self.job_manager.ports
        self.job_manager.end(number)
        self.job_manager = Daemon(self, "jobmanager", "jobmanager", [
            "-D", f"rest.port={ports['rest']}", "-D", f"rest.bind-port={ports['rest']}", "-D", f"jobmanager.rpc.port={ports['rpc']}"])

    def wait_for_slots(self, total, available=None):
        def enough():
            overview = self.get("/overview")
            return overview["slots-total"] == total and (available is None or overview["slots-available"] == available)
        wait_for(enough, f"{total} slots ({'any' if available is None else available} available)")

    # ---- REST ----

    @property
    def rest(self):
        return f"127.0.0.1:{self.job_manager.ports['rest']}"

    def request(self, method, path, body=None, headers=None, deadline=DEADLINE):
        """-> (status, headers, body as parsed JSON, or as bytes when it is not JSON)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.job_manager.ports["rest"], timeout=deadline)
        try:
            data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            connection.request(method, path, body=data, headers={"Content-Type": "application/json", **(headers or {})} if data is not None else (headers or {}))
            response = connection.getresponse()
            content = response.read()
            if "json" in (response.getheader("Content-Type") or ""):
                return response.status, dict(response.getheaders()), json.loads(content)
            return response.status, dict(response.getheaders()), content
        finally:
            connection.close()

    def get(self, path):
        status, _, body = self.request("GET", path)
        if status != 200:
            raise AssertionError(f"GET {path}: {status} {body!r}")
        return body

    def upload(self, path, name=None):
        """-> (status, body)"""
        with open(path, "rb") as file:
            return self.upload_bytes(file.read(), name or os.path.basename(path))

    def upload_bytes(self, content, name, deadline=DEADLINE):
        mark = uuid.uuid4().hex
        head = (f'--{mark}\r\nContent-Disposition: form-data; name="jarfile"; filename="{name}"\r\n'
                "Content-Type: application/x-java-archive\r\n\r\n").encode()
        body = head + content + f"\r\n--{mark}--\r\n".encode()
        status, _, answer = self.request("POST", "/jars/upload", body, {"Content-Type": f"multipart/form-data; boundary={mark}"}, deadline)
        return status, answer

    def upload_ok(self, path):
        status, answer = self.upload(path)
        assert status == 200, (status, answer)
        return answer["filename"].rsplit("/", 1)[1]

    def submit(self, library, entry=None, arguments=(), parallelism=None, configuration=None):
        """Uploads and runs; gives the job id."""
        jar = self.upload_ok(library)
        body = {"programArgsList": list(arguments)}
        if entry:
            body["entryClass"] = entry
        if parallelism:
            body["parallelism"] = parallelism
        if configuration:
            body["flinkConfiguration"] = configuration
        status, _, answer = self.request("POST", f"/jars/{jar}/run", body)
        assert status == 200, (status, answer)
        return answer["jobid"]

    def state(self, job):
        return self.get(f"/jobs/{job}")["state"]

    def wait_for_state(self, job, *states, deadline=None):
        def reached():
            state = self.state(job)
            if state in states:
                return state
            if state in ("FINISHED", "FAILED", "CANCELED"):
                raise AssertionError(f"job is {state}, wanted {states}: {self.exceptions(job)}")
            return None
        return wait_for(reached, f"job {job} to be {' or '.join(states)}", deadline)

    def wait_for_running_tasks(self, job, deadline=None):
        def running():
            counts = self.get(f"/jobs/{job}")["status-counts"]
            return counts["RUNNING"] > 0 and counts["RUNNING"] == sum(counts.values())
        wait_for(running, f"all tasks of {job} to run", deadline)

    def exceptions(self, job):
        return self.get(f"/jobs/{job}/exceptions")

    def root_exception(self, job):
        return self.exceptions(job).get("root-exception") or ""

    def cancel(self, job):
        status, _, body = self.request("PATCH", f"/jobs/{job}?mode=cancel")
        assert status == 202, (status, body)

    def uploads_on_disk(self):
        """Files that the JobManager has taken in and not let go: half uploads, artefacts, what bundles held."""
        found = []
        for folder, _, files in os.walk(os.path.join(self.directory, "tmp")):
            if "weir-jobmanager" in folder:
                found += [os.path.join(folder, file) for file in files if file != "lock"]
        return sorted(found)

    # ---- command line ----

    def cli(self, *arguments, deadline=60, environment=None):
        """-> (exit code, stdout, stderr)"""
        run = subprocess.run([os.path.join(self.home, "bin", "weir"), *arguments], capture_output=True, text=True, timeout=deadline * SLOWNESS,
                             env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL)
        return run.returncode, run.stdout, run.stderr

    def run(self, *arguments, deadline=60):
        return self.cli("run", "-m", self.rest, *arguments, deadline=deadline)


def taken_port():
    """A listening socket, and its port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener, listener.getsockname()[1]
