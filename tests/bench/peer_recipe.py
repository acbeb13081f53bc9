"""Another engine that can run the jobs of examples/bench_jobs: a folder with one executable script, as docs/performance.md asks for."""
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
from weir_cluster import taken_port  # noqa: E402


class PeerFailed(Exception):
    """Says what the script was asked and what it answered."""


class Peer:
    """A running cluster of the peer; ends with the `with`."""

    def __init__(self, folder, task_managers, slots, memory):
        if not os.path.isdir(folder):
            raise PeerFailed(f"{folder} is no folder; --peer wants the one that holds the peer's script")
        scripts = [name for name in sorted(os.listdir(folder)) if name.endswith(".sh") and os.access(os.path.join(folder, name), os.X_OK)]
        if len(scripts) != 1:
            raise PeerFailed(f"{folder} must hold one executable .sh script, and holds {len(scripts)}; docs/performance.md says what it must do")
        self.script = os.path.join(os.path.abspath(folder), scripts[0])
        self.name = scripts[0].removesuffix(".sh")
        self.directory = tempfile.mkdtemp(prefix="weir-peer-")
        self.environment = dict(os.environ)
        self.layout = ["--slots", str(slots), "--tms", str(task_managers), "-D", f"taskmanager.memory.process.size={memory}"]
        self.slots_wanted = slots * task_managers

    def ask(self, *words, deadline=600):
        asked = f"{self.script} {' '.join(words)}"
        # Into files: daemons that a script leaves behind keep its pipes open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            try:
                run = subprocess.run([self.script, *words], stdout=out, stderr=errors, stdin=subprocess.DEVNULL, timeout=deadline,
                                     env=self.environment, check=False)
            except subprocess.TimeoutExpired:
                raise PeerFailed(f"{asked}: not done after {deadline} s") from None
            out.seek(0)
            errors.seek(0)
            output, complaint = out.read(), errors.read()
        if run.returncode:
            raise PeerFailed(f"{asked}: exit code {run.returncode}: {(complaint or output)[-2000:]}")
        return output

    def __enter__(self):
        self.ask("install", deadline=1800)
        # Two ports that were free a moment ago; the script has fixed ones otherwise.
        held = [taken_port() for _ in range(2)]
        for (listener, port), variable in zip(held, ("FLINK_REST_PORT", "FLINK_RPC_PORT")):
            self.environment[variable] = str(port)
            listener.close()
        self.rest_port = held[0][1]
        try:
            self.ask("start", "--dir", self.directory, *self.layout)
            end = time.monotonic() + 120
            while self.slots() != self.slots_wanted:
                if time.monotonic() > end:
                    raise PeerFailed(f"{self.name} had no slots 120 s after its start")
                time.sleep(0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.ask("stop", "--dir", self.directory)
        except PeerFailed as error:
            print(f"# {error}", file=sys.stderr)
        shutil.rmtree(self.directory, ignore_errors=True)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise PeerFailed(f"GET {path}: {response.status} {body[:200]!r}")
            return json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PeerFailed(f"GET {path}: {error}") from None
        finally:
            connection.close()

    def slots(self):
        try:
            return self.get("/overview")["slots-total"]
        except PeerFailed:
            return 0

    def run(self, job, records, runs, warmup, **options):
        """The lines of the measured runs: dictionaries with cpu_s, jm_cpu_s, wall_s, other_cores."""
        words = ["--records", str(records), "--parallelism", "2", "--runs", str(runs), "--warmup", str(warmup)]
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), str(value)]
        lines = []
        for line in self.ask("run", "--dir", self.directory, job, *words, deadline=1800).splitlines():
            if line.startswith("{"):
                lines.append(json.loads(line))
        measured = [line for line in lines if line["run"] != "warmup"]
        if len(measured) != runs or any(line["records"] != records for line in measured):
            raise PeerFailed(f"{self.name} {job}: wanted {runs} lines of {records} records, got {measured}")
        return measured

    def check_counts(self, runs, records):
        """What its REST API can tell of the latest jobs: the last task of each has read every record. One-task jobs tell nothing.
        Gives how many jobs were compared."""
        jobs = sorted((job for job in self.get("/jobs/overview")["jobs"] if job["state"] == "FINISHED"), key=lambda job: job["start-time"])
        compared = 0
        for job in jobs[-runs:]:
            vertices = self.get(f"/jobs/{job['jid']}")["vertices"]
            if len(vertices) < 2:
                continue
            # Counters of a task that has just ended may come late.
            end = time.monotonic() + 30
            while (read := self.get(f"/jobs/{job['jid']}")["vertices"][-1]["metrics"]["read-records"]) != records:
                if time.monotonic() > end:
                    raise PeerFailed(f"{self.name}'s {job['name']} read {read} records, wanted {records}: a wrong answer")
                time.sleep(0.5)
            compared += 1
        return compared
