"""Directories in which every call takes seconds, as on a network file system in trouble: heartbeats, REST and other jobs go on."""
import os
import threading
import time
import unittest

from weir_cluster import Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
SLOW_FILES = os.environ["WEIR_TEST_SLOW_FILES"]
CALL_MS = 1500
# Far above what an answer takes on a busy machine, and below the time of one call.
ANSWER_SECONDS_MAX = 1.2


class SlowDirectory:
    """Slow for the daemons of a cluster, once it is switched on."""

    def __init__(self, cluster, path):
        self.path = path
        self.switch = os.path.join(cluster.directory, "slow")
        os.makedirs(path, exist_ok=True)
        variables = {"WEIR_SLOW_DIRECTORY": path, "WEIR_SLOW_SWITCH": self.switch, "WEIR_SLOW_MS": str(CALL_MS), "LD_PRELOAD": SLOW_FILES}
        cluster.environment.update(variables)
        cluster.options.update({f"containerized.taskmanager.env.{name}": value for name, value in variables.items()})
        cluster.write_config(cluster.options)

    def on(self):
        with open(self.switch, "w", encoding="utf-8"):
            pass

    def off(self):
        os.unlink(self.switch)


class SlowDiskTest(unittest.TestCase):
    """Each test watches a cluster of one REST thread while one directory is slow."""

    OPTIONS = {"rest.server.numThreads": 1, "heartbeat.interval": "200 ms", "heartbeat.timeout": "1200 ms"}

    def start(self, cluster, *task_manager_arguments):
        self.enterContext(cluster)
        cluster.add_task_manager(*task_manager_arguments)
        cluster.wait_for_slots(2)
        self.other = cluster.submit(JOBS, "endless")
        cluster.wait_for_running_tasks(self.other)
        self.manager = cluster.get("/taskmanagers")["taskmanagers"][0]["id"]

    def records(self, cluster):
        return sum(v["metrics"]["write-records"] for v in cluster.get(f"/jobs/{self.other}")["vertices"])

    def watch(self, cluster, work, deadline=120):
        """Runs `work` on a thread of its own, and sees meanwhile that all else goes on. Gives what it returned."""
        result = []
        thread = threading.Thread(target=lambda: result.append(work()), daemon=True)
        thread.start()
        end = time.monotonic() + deadline
        records, grown, slowest = self.records(cluster), time.monotonic(), 0.0
        while thread.is_alive():
            self.assertLess(time.monotonic(), end, "the work in the slow directory did not come to its end")
            began = time.monotonic()
            managers = cluster.get("/taskmanagers")["taskmanagers"]
            slowest = max(slowest, time.monotonic() - began)
            self.assertEqual([manager["id"] for manager in managers], [self.manager])
            now = self.records(cluster)
            if now > records:
                records, grown = now, time.monotonic()
            self.assertLess(time.monotonic() - grown, 5, "the other job stands still")
            time.sleep(0.02)
        self.assertLess(slowest, ANSWER_SECONDS_MAX, "an answer came late")
        self.assertEqual(cluster.state(self.other), "RUNNING")
        self.assertEqual(len(result), 1, "the work failed")
        return result[0]

    def upload_other(self, cluster):
        with open(JOBS, "rb") as file:
            return cluster.upload_bytes(file.read() + b"\0", "more.so", deadline=120)

    def run_and_wait(self, cluster, entry, *arguments, **options):
        job = cluster.submit(JOBS, entry, arguments, **options)
        cluster.wait_for_state(job, "FINISHED", deadline=100)
        return job

    def test_the_directory_for_uploads(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        cluster.options["blob.storage.directory"] = os.path.join(cluster.directory, "blobs")
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "tmp-slow"))
        cluster.options["io.tmp.dirs"] = slow.path
        cluster.write_config(cluster.options)
        self.start(cluster, "-D", f"io.tmp.dirs={cluster.directory}/tmp")
        slow.on()
        status, answer = self.watch(cluster, lambda: self.upload_other(cluster))
        self.assertEqual(status, 200, answer)

    def test_the_store_of_artefacts(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "blobs"))
        cluster.options["blob.storage.directory"] = slow.path
        cluster.write_config(cluster.options)
        self.start(cluster)
        slow.on()
        status, answer = self.watch(cluster, lambda: self.upload_other(cluster))
        self.assertEqual(status, 200, answer)
        jar = answer["filename"].rsplit("/", 1)[1]
        body = {"entryClass": "counted", "programArgsList": ["--output", os.path.join(cluster.directory, "out")]}
        status, _, answer = self.watch(cluster, lambda: cluster.request("POST", f"/jars/{jar}/run", body, deadline=120))
        self.assertEqual(status, 200, answer)
        self.watch(cluster, lambda: cluster.wait_for_state(answer["jobid"], "FINISHED", deadline=100))

    def test_the_temporary_directory_of_a_task_manager(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "tmp-slow"))
        self.start(cluster, "-D", f"io.tmp.dirs={slow.path}")
        status, answer = self.upload_other(cluster)
        self.assertEqual(status, 200, answer)
        jar = answer["filename"].rsplit("/", 1)[1]
        slow.on()
        body = {"entryClass": "counted", "programArgsList": ["--output", os.path.join(cluster.directory, "out")]}
        status, _, answer = cluster.request("POST", f"/jars/{jar}/run", body)
        self.assertEqual(status, 200, answer)
        self.watch(cluster, lambda: cluster.wait_for_state(answer["jobid"], "FINISHED", deadline=100))

    def test_the_directory_of_a_sink(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "out"))
        self.start(cluster)
        slow.on()
        self.watch(cluster, lambda: self.run_and_wait(cluster, "counted", "--count", "20000", "--output", slow.path))

    def test_a_job_with_a_slow_sink_is_cancelled_and_leaves_nothing_unfinished(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "out"))
        self.start(cluster)
        job = cluster.submit(JOBS, "counted", ["--count", "100000000", "--output", slow.path])
        cluster.wait_for_running_tasks(job)
        slow.on()

        def cancel():
            cluster.cancel(job)
            return cluster.wait_for_state(job, "CANCELED", deadline=30)
        self.assertEqual(self.watch(cluster, cancel), "CANCELED")
        slow.off()
        wait_for(lambda: not [name for name in os.listdir(slow.path) if "inprogress" in name], "the unfinished part to be gone")

    def test_the_log_directory(self):
        cluster = Cluster(task_managers=0, options=self.OPTIONS)
        slow = SlowDirectory(cluster, os.path.join(cluster.directory, "log"))
        self.start(cluster)
        slow.on()

        def work():
            for _ in range(3):
                self.run_and_wait(cluster, "counted", "--count", "1000", "--output", os.path.join(cluster.directory, "out"))
            self.run_and_wait(cluster, "prints")
            self.assertEqual(cluster.request("GET", "/jobmanager/logs", deadline=60)[0], 200)
            self.assertEqual(cluster.request("GET", f"/taskmanagers/{self.manager}/logs", deadline=60)[0], 200)
            return True
        self.watch(cluster, work)


if __name__ == "__main__":
    unittest.main()
