"""Options, each tried where it acts: on real daemons and with the real command line."""
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from weir_cluster import DEADLINE, Cluster, dist, job_libraries, taken_port, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


def records(directory):
    """Of every part file below a directory."""
    found = []
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            with open(os.path.join(folder, name), encoding="utf-8") as part:
                found += [json.loads(line) for line in part]
    return found


class JobOptionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=1, slots=4)
        cls.cluster.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def counted(self, name, *options):
        target = os.path.join(self.cluster.directory, name)
        code, out, error = self.cluster.run(*options, "-c", "counted", "-p", "2", JOBS, "--count", "1000", "--keys", "7", "--output", target)
        self.assertEqual(code, 0, error)
        job = self.cluster.get("/jobs/" + re.search(r"[0-9a-f]{32}", out)[0])
        return job, records(target)

    def test_runtime_mode_decides_what_a_reduce_emits_and_is_shown(self):
        last = {key: len(range(key, 1000, 7)) for key in range(7)}
        job, rows = self.counted("streaming")
        self.assertEqual((job["job-type"], job["plan"]["type"], len(rows)), ("STREAMING", "STREAMING", 1000))
        for mode in ("BATCH", "AUTOMATIC"):
            job, rows = self.counted(mode, f"-Dexecution.runtime-mode={mode}")
            self.assertEqual((job["job-type"], job["plan"]["type"]), ("BATCH", "BATCH"))
            self.assertEqual(len(rows), 7)
            self.assertEqual({row["key"]: row["count"] for row in rows}, last)

    def test_a_source_without_end_is_refused_in_batch_and_streams_in_automatic(self):
        code, _, error = self.cluster.run("-d", "-Dexecution.runtime-mode=BATCH", "-c", "endless", JOBS)
        self.assertEqual(code, 1)
        self.assertRegex(error, "source 'numbers' has no end, .*execution.runtime-mode")
        code, _, error = self.cluster.cli("plan", "-Dexecution.runtime-mode=BATCH", "-c", "endless", JOBS)
        self.assertEqual(code, 1)
        self.assertIn("source 'numbers' has no end", error)
        job = self.cluster.submit(JOBS, "endless", configuration={"execution.runtime-mode": "AUTOMATIC"})
        self.assertEqual(self.cluster.get(f"/jobs/{job}")["job-type"], "STREAMING")
        self.cluster.cancel(job)

    def test_global_job_parameters_are_the_user_config_and_reach_functions(self):
        target = os.path.join(self.cluster.directory, "parameters")
        job = self.cluster.submit(JOBS, "tells_setting", ["--key", "pipeline.global-job-parameters.region", "--output", target], configuration={
            "pipeline.global-job-parameters": "region:north,api-token:canary", "pipeline.name": "n"})
        self.cluster.wait_for_state(job, "FINISHED")
        shown = self.cluster.get(f"/jobs/{job}/config")["execution-config"]["user-config"]
        self.assertEqual(shown, {"region": "north", "api-token": "******"})
        self.assertEqual(records(target), [{"text": "north"}])

    def test_keys_of_the_users_own_reach_functions(self):
        target = os.path.join(self.cluster.directory, "own")
        code, _, error = self.cluster.run("-Dfraud.threshold=5", "-c", "tells_setting", JOBS, "--key", "fraud.threshold", "--output", "file://" + target)
        self.assertEqual(code, 0, error)
        self.assertEqual(records(target), [{"text": "5"}])

    def test_execution_attached_is_a_flag_of_the_command_line(self):
        code, _, error = self.cluster.run("-d", "-Dexecution.attached=true", "-c", "prints", JOBS)
        self.assertEqual(code, 0, error)
        self.assertIn("execution.attached is a key of Flink that has no effect in Weir: weir run waits for the job unless -d is given", error)

    def test_exceptions_are_remembered_as_asked(self):
        with Cluster(task_managers=1, slots=1, options={"web.exception-history-size": 0}) as cluster:
            job = cluster.submit(JOBS, "throws")
            cluster.wait_for_state(job, "FAILED")
            self.assertEqual(cluster.exceptions(job)["exceptionHistory"]["entries"], [])


class ClusterOptionsTest(unittest.TestCase):
    def test_idle_slots_are_given_back_while_the_job_goes_on(self):
        with Cluster(task_managers=2, slots=1, options={"slot.idle.timeout": "200 ms"}) as cluster:
            job = cluster.submit(JOBS, "half_ends")
            cluster.wait_for_slots(2, available=1)
            self.assertEqual(cluster.state(job), "RUNNING")
            other = cluster.submit(JOBS, "prints")
            cluster.wait_for_state(other, "FINISHED")
            self.assertEqual(cluster.state(job), "RUNNING")
            self.assertIn("slot.idle.timeout", cluster.job_manager.log_text())
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED")
            cluster.wait_for_slots(2, available=2)

    def test_a_task_that_does_not_stop_is_asked_again_before_its_worker_is_killed(self):
        with Cluster(task_managers=1, slots=1, options={"task.cancellation.interval": "100 ms", "task.cancellation.timeout": "1 s"}) as cluster:
            job = cluster.submit(JOBS, "stubborn")
            cluster.wait_for_running_tasks(job)
            wait_for(lambda: self.has_stopped_reading(cluster, job), "the task to be stubborn")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED")
            log = cluster.task_managers[0].log_text()
            self.assertRegex(log, r"stubborn.* has not stopped 0.\d s after it was cancelled and is asked again \(task.cancellation.interval\)")
            self.assertIn("(task.cancellation.timeout)", log)

    @staticmethod
    def has_stopped_reading(cluster, job):
        vertices = cluster.get(f"/jobs/{job}")["vertices"]
        return vertices[0]["status"] == "RUNNING" and time.time() * 1000 - vertices[0]["start-time"] > 500

    def test_one_read_of_an_artefact_at_a_time_serves_everybody(self):
        with Cluster(task_managers=3, slots=1, options={"blob.fetch.num-concurrent": 1}) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=3)
            cluster.wait_for_running_tasks(job)

    def test_planners_get_what_the_job_manager_leaves(self):
        with Cluster(task_managers=0, options={"jobmanager.memory.process.size": "400m"}) as cluster:
            code, _, error = cluster.run("-d", "-c", "plan_hoards", JOBS)
            self.assertEqual(code, 1)
            self.assertIn("plan_hoards", error)
            code, _, error = cluster.run("-d", "-c", "endless", JOBS)
            self.assertEqual(code, 0, error)

    def test_client_timeout(self):
        listener, port = taken_port()  # takes connections and never answers
        self.addCleanup(listener.close)
        with tempfile.TemporaryDirectory() as conf:
            with open(os.path.join(conf, "config.yaml"), "w", encoding="utf-8") as config:
                config.write("client.timeout: 300 ms\n")
            started = time.monotonic()
            run = subprocess.run([os.path.join(dist(), "bin", "weir"), "list", "-m", f"127.0.0.1:{port}"], capture_output=True, text=True,
                                 timeout=DEADLINE, env={**os.environ, "WEIR_CONF_DIR": conf}, check=False)
            self.assertEqual(run.returncode, 1)
            self.assertIn(f"127.0.0.1:{port}", run.stderr)
            self.assertLess(time.monotonic() - started, 10)

    def test_daemons_raise_the_limit_of_open_files_that_users_are_given(self):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))  # what is started inherits it
        try:
            with Cluster(task_managers=1, slots=1) as cluster:
                for daemon in (cluster.job_manager, cluster.task_managers[0]):
                    with open(f"/proc/{daemon.process.pid}/limits", encoding="ascii") as limits:
                        [soft, hard] = [line.split()[3:5] for line in limits if line.startswith("Max open files")][0]
                    self.assertEqual(soft, hard)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def test_a_job_manager_in_the_foreground_logs_into_its_directory_too(self):
        with tempfile.TemporaryDirectory() as directory:
            conf, ports = os.path.join(directory, "conf"), os.path.join(directory, "ports")
            os.makedirs(conf)
            with open(os.path.join(conf, "config.yaml"), "w", encoding="utf-8") as config:
                config.write(f"rest.port: 0\njobmanager.rpc.port: 0\nenv.log.dir: {directory}/logs\nio.tmp.dirs: {directory}/tmp\n")
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "FLINK_"))}
            with subprocess.Popen([os.path.join(dist(), "bin", "jobmanager"), "-c", conf, "--ports-file", ports], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
                try:
                    wait_for(lambda: os.path.exists(ports), "the JobManager to be ready")
                finally:
                    process.terminate()
                    out, _ = process.communicate(timeout=DEADLINE)
            [name] = [name for name in os.listdir(os.path.join(directory, "logs")) if name.endswith(".log")]
            with open(os.path.join(directory, "logs", name), encoding="utf-8") as log:
                self.assertIn("is ready", log.read())
            self.assertIn("is ready", out)


class OriginTest(unittest.TestCase):
    """What a web page in the browser of somebody on this machine may do."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(task_managers=0)
        cls.cluster.__enter__()
        cls.jar = cls.cluster.upload_ok(JOBS)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def refused(self, method, path, headers, word, body=None):
        status, answered, answer = self.cluster.request(method, path, body, headers)
        self.assertEqual(status, 403, (method, path, answer))
        self.assertIn(word, answer["errors"][0])
        self.assertNotIn("Access-Control-Allow-Origin", answered)

    def test_a_foreign_page_may_not_change_anything(self):
        evil = {"Origin": "http://evil.example"}
        self.refused("POST", f"/jars/{self.jar}/run", evil, "evil.example", {"entryClass": "endless"})
        self.refused("POST", f"/v1/jars/{self.jar}/run", evil, "evil.example", {"entryClass": "endless"})
        self.refused("POST", "/jars/upload", {**evil, "Content-Type": "multipart/form-data; boundary=x"}, "evil.example", b"--x--\r\n")
        self.refused("DELETE", "/cluster", evil, "evil.example")
        self.refused("DELETE", f"/jars/{self.jar}", {"Origin": "null"}, "null")
        self.refused("PATCH", f"/jobs/{'0' * 32}?mode=cancel", {"Origin": "http://127.0.0.1:1"}, "127.0.0.1:1")  # another port is another site
        self.refused("GET", f"/jobs/{'0' * 32}/yarn-cancel", {"Sec-Fetch-Site": "cross-site", "Referer": "http://evil.example/"}, "evil.example")
        self.refused("GET", f"/jars/{self.jar}/plan", {"Sec-Fetch-Site": "same-site"}, "another site")
        self.assertEqual(self.cluster.get("/jobs")["jobs"], [])
        self.assertEqual(len(self.cluster.get("/jars")["files"]), 1)

    def test_a_name_that_was_made_to_point_here_gets_nothing(self):
        for path in ("/overview", "/jobmanager/config", "/nothing"):
            self.refused("GET", path, {"Host": f"evil.example:{self.cluster.job_manager.ports['rest']}"}, "evil.example")
        self.refused("POST", f"/jars/{self.jar}/run", {"Host": "evil.example", "Origin": "http://evil.example"}, "evil.example", {})

    def test_own_pages_and_programs_may(self):
        port = self.cluster.job_manager.ports["rest"]
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", f"{socket.gethostname()}:{port}"):
            status, headers, _ = self.cluster.request("GET", "/overview", None, {"Host": host})
            self.assertEqual(status, 200, host)
            self.assertNotIn("Access-Control-Allow-Origin", headers)
            status, _, answer = self.cluster.request("POST", f"/jars/{self.jar}/run", {"entryClass": "none such"}, {"Host": host, "Origin": f"http://{host}"})
            self.assertNotEqual(status, 403, answer)

    def test_the_allowed_origin_may_and_a_star_opens_it_as_in_flink(self):
        for allowed, origin in (("https://dash.example", "https://dash.example"), ("*", "http://evil.example")):
            with Cluster(task_managers=0, options={"web.access-control-allow-origin": allowed}) as cluster:
                status, headers, _ = cluster.request("DELETE", "/jars/none", None, {"Origin": origin})
                self.assertNotEqual(status, 403)
                self.assertEqual(headers["Access-Control-Allow-Origin"], allowed)
                status, _, _ = cluster.request("DELETE", "/jars/none", None, {"Origin": "http://other.example"})
                self.assertEqual(status == 403, allowed != "*")


class WrongConfigurationTest(unittest.TestCase):
    """Each wrong thing is one sentence that names it, with its file and line, and exit code 1; from --check and from a start alike."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="weir-wrong-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "FLINK_"))}
        self.environment["WEIR_LOG_DIR"] = os.path.join(self.directory, "log")

    def call(self, daemon, text, *words, name="config.yaml"):
        conf = os.path.join(self.directory, "conf")
        shutil.rmtree(conf, ignore_errors=True)
        os.makedirs(conf)
        if text is not None:
            with open(os.path.join(conf, name), "w", encoding="utf-8") as config:
                config.write(text)
        run = subprocess.run([os.path.join(dist(), "bin", daemon), "-c", conf, f"-Dio.tmp.dirs={self.directory}/tmp", *words], capture_output=True,
                             text=True, timeout=DEADLINE, env=self.environment, check=False)
        return run.returncode, run.stderr.strip().splitlines()

    def assert_refused(self, daemon, text, sentence, *words, check=True, name="config.yaml"):
        for more in ([["--check"]] if check else []) + [[]]:
            code, lines = self.call(daemon, text, *words, *more, name=name)
            self.assertEqual((code, len(lines)), (1, 1), (text, lines))
            self.assertTrue(lines[0].startswith(daemon + ": "), lines)
            self.assertRegex(lines[0], sentence)

    def test_an_address_that_nobody_can_connect_to(self):
        kubernetes = "jobmanager.rpc.address: flink-jobmanager\nblob.server.port: 6124\njobmanager.rpc.port: 6123\ntaskmanager.rpc.port: 6122\n"
        self.assert_refused("jobmanager", kubernetes, r'config.yaml:1: jobmanager.rpc.address: other machines would connect .* set jobmanager.bind-host: 0.0.0.0')
        code, lines = self.call("taskmanager", kubernetes, "--check")
        self.assertEqual(code, 0)
        self.assertIn("a JobManager on another machine cannot reach this TaskManager", "\n".join(lines))

    def test_unknown_keys_that_are_the_users_own_are_warnings(self):
        for daemon in ("jobmanager", "taskmanager"):
            code, lines = self.call(daemon, "query.server.port: 6125\nfraud.threshold: 5\n", "--check")
            self.assertEqual(code, 0, lines)
            self.assertEqual(len(lines), 2, lines)
            self.assertRegex(lines[0], "^warning: .*config.yaml:2: unknown key fraud.threshold has no effect on Weir")
            self.assertRegex(lines[1], "^warning: .*config.yaml:1: query.server.port is a key of Flink that has no effect in Weir")

    def test_each_is_one_sentence_with_key_file_and_line(self):
        for daemon in ("jobmanager", "taskmanager"):
            for text, sentence in [
                    ("# x\nrest.prot: 1\n", r"conf/config.yaml:2: unknown key rest.prot; did you mean rest.port\?"),
                    ("rest:\n  port: http\n", r'conf/config.yaml:2: rest.port: "http" is not a port'),
                    ("heartbeat.timeout: 5 parsecs\n", r'conf/config.yaml:1: heartbeat.timeout: "5 parsecs" is not a duration'),
                    ("blob.server.port: 9-1\n", r'conf/config.yaml:1: blob.server.port: "9-1" is not ports'),
                    ("taskmanager.numberOfTaskSlots: 0\n", r'conf/config.yaml:1: taskmanager.numberOfTaskSlots: "0" is too small'),
                    ("rest.port: 1\nrest.port: 2\n", r"conf/config.yaml:2: rest.port is set a second time, first at .*conf/config.yaml:1"),
                    ("rest:\n  port: 1\nweb.port: 2\n", r"conf/config.yaml:3: web.port sets what rest.port has set at .*:2"),
                    ("heartbeat.timeout: 10 ms\n", r'conf/config.yaml:1: heartbeat.timeout: "10 ms" is too small'),
                    ("heartbeat.interval: 1 min\n", r"conf/config.yaml:1: heartbeat.timeout \(5 s\) is less than heartbeat.interval"),
                    ("web.access-control-allow-origin: evil.example/x\n", r"conf/config.yaml:1: web.access-control-allow-origin: .* is neither"),
                    ("security.ssl.rest.enabled: true\n", r"conf/config.yaml:1: security.ssl.rest.enabled asks for TLS"),
                    ("high-availability.type: zookeeper\n", r'conf/config.yaml:1: high-availability.type: "zookeeper" is not NONE'),
                    ("rest: [\n", r"conf/config.yaml:\d+: "),
            ]:
                with self.subTest(daemon=daemon, text=text):
                    self.assert_refused(daemon, text, sentence)
            self.assert_refused(daemon, None, "has neither config.yaml nor flink-conf.yaml")
            self.assert_refused(daemon, "rest.port:1\n", r"flink-conf.yaml:1: .*blank after the colon", name="flink-conf.yaml")
            self.assert_refused(daemon, "", r'-D: rest.port: "x" is not a port', "-Drest.port=x")
        self.assert_refused("jobmanager", "rest.bind-address: 0.0.0.0\n", r"conf/config.yaml:1: rest.bind-address: .*security.allow-unauthenticated: true")
        self.assert_refused("jobmanager", "jobmanager.memory.process.size: 200m\n", r"conf/config.yaml:1: jobmanager.memory.process.size \(200 mb\) is too little")
        self.assert_refused("taskmanager", "taskmanager.memory.process.size: 64m\n", r"conf/config.yaml:1: taskmanager.memory.process.size .* is too little")
        self.assert_refused("taskmanager", "taskmanager.memory.process.size: 9000 tb\n", r"conf/config.yaml:1: taskmanager.memory.process.size .* is more than")

    def test_a_file_or_directory_that_cannot_be_used(self):
        for daemon in ("jobmanager", "taskmanager"):
            run = subprocess.run([os.path.join(dist(), "bin", daemon), "--check", "-c", self.directory + "/none"], capture_output=True, text=True,
                                 timeout=DEADLINE, env=self.environment, check=False)
            self.assertEqual((run.returncode, len(run.stderr.strip().splitlines())), (1, 1), run.stderr)
            self.assertIn(self.directory + "/none", run.stderr)
            os.makedirs(self.directory + "/odd/config.yaml", exist_ok=True)
            run = subprocess.run([os.path.join(dist(), "bin", daemon), "--check", "-c", self.directory + "/odd"], capture_output=True, text=True,
                                 timeout=DEADLINE, env=self.environment, check=False)
            self.assertEqual((run.returncode, len(run.stderr.strip().splitlines())), (1, 1), run.stderr)
            self.assertIn("odd/config.yaml", run.stderr)
        ports = "rest.port: 0\njobmanager.rpc.port: 0\n"
        in_the_way = os.path.join(self.directory, "file")
        with open(in_the_way, "w", encoding="ascii"):
            pass
        for daemon in ("jobmanager", "taskmanager"):
            self.assert_refused(daemon, ports, in_the_way, f"-Dio.tmp.dirs={in_the_way}/x", check=False)
        self.assert_refused("jobmanager", f"{ports}blob.storage.directory: {in_the_way}/x\n", in_the_way, check=False)

    def test_a_port_in_use_is_named_with_its_option(self):
        listener, port = taken_port()
        self.addCleanup(listener.close)
        for daemon, options, key in [("jobmanager", f"rest.port: {port}\njobmanager.rpc.port: 0\n", "rest.port"),
                                     ("jobmanager", f"rest.bind-port: {port}-{port}\njobmanager.rpc.port: 0\n", "rest.bind-port"),
                                     ("jobmanager", f"rest.port: 0\njobmanager.rpc.port: {port}\n", "jobmanager.rpc.port"),
                                     ("jobmanager", f"rest.port: 0\njobmanager.rpc.port: 0\nblob.server.port: {port}\n", "blob.server.port"),
                                     ("jobmanager", f"rest.port: 0\njobmanager.rpc.bind-port: {port}\n", "jobmanager.rpc.bind-port"),
                                     ("taskmanager", f"taskmanager.rpc.port: {port}\n", "taskmanager.rpc.port"),
                                     ("taskmanager", f"taskmanager.rpc.bind-port: {port}\n", "taskmanager.rpc.bind-port"),
                                     ("taskmanager", f"taskmanager.data.bind-port: {port}\n", "taskmanager.data.bind-port"),
                                     ("taskmanager", f"taskmanager.data.port: {port}\n", "taskmanager.data.port")]:
            with self.subTest(key=key):
                self.assert_refused(daemon, options, rf"{port}.*\b{re.escape(key)}\b|\b{re.escape(key)}\b.*{port}", check=False)


if __name__ == "__main__":
    unittest.main()
