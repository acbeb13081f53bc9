"""Daemons among themselves: starting, registering, losing and finding each other, ending."""
import os
import signal
import subprocess
import unittest

from weir_cluster import DEADLINE, Cluster, dist, job_libraries, taken_port, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


class ClusterTest(unittest.TestCase):
    def test_task_managers_register_and_show_their_slots(self):
        with Cluster(task_managers=2, slots=3) as cluster:
            managers = cluster.get("/taskmanagers")["taskmanagers"]
            self.assertEqual([m["slotsNumber"] for m in managers], [3, 3])
            self.assertEqual(cluster.get("/overview")["taskmanagers"], 2)

    def test_killed_task_manager_fails_its_job_at_once_and_says_so(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            cluster.task_managers[0].end(signal.SIGKILL)
            cluster.wait_for_state(job, "FAILED", deadline=4)  # far below the heartbeat time-out
            self.assertIn("is no longer reachable", cluster.root_exception(job))
            cluster.wait_for_slots(0)

    def test_workers_die_with_their_task_manager(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            workers = cluster.task_managers[0].children()
            self.assertEqual(len(workers), 1)
            cluster.task_managers[0].end(signal.SIGKILL)
            wait_for(lambda: not os.path.exists(f"/proc/{workers[0]}"), "the worker to be gone", 3)

    def test_hung_task_manager_is_lost_by_heartbeat(self):
        with Cluster(task_managers=1, slots=1, options={"heartbeat.interval": 200, "heartbeat.timeout": 1000}) as cluster:
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            cluster.task_managers[0].send(signal.SIGSTOP)
            try:
                cluster.wait_for_state(job, "FAILED", deadline=8)
                self.assertIn("heartbeat", cluster.root_exception(job).lower())
            finally:
                cluster.task_managers[0].send(signal.SIGCONT)
            # It comes back as a new peer, and the worker of the dead job is ended.
            cluster.wait_for_slots(1, available=1)
            wait_for(lambda: not cluster.task_managers[0].children(), "the old worker to be ended")

    def test_job_manager_that_comes_back_empty_gets_its_task_managers_and_free_slots(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            cluster.restart_job_manager()
            cluster.wait_for_slots(2, available=2)
            self.assertEqual(cluster.request("GET", f"/jobs/{job}")[0], 404)
            wait_for(lambda: not any(m.children() for m in cluster.task_managers), "workers of the forgotten job to be ended")

    def test_sigterm_drains_task_manager_and_job_manager_with_exit_code_0(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            worker = cluster.task_managers[0].children()[0]
            self.assertEqual(cluster.task_managers[0].end(signal.SIGTERM), 0)
            self.assertFalse(os.path.exists(f"/proc/{worker}"))
            cluster.wait_for_slots(0)
            cluster.wait_for_state(job, "FAILED")
            self.assertEqual(cluster.job_manager.end(signal.SIGTERM), 0)

    def test_task_manager_without_a_job_manager_ends_after_the_registration_timeout(self):
        with Cluster(task_managers=0) as cluster:
            run = subprocess.run([os.path.join(dist(), "bin", "taskmanager"), "--configDir", cluster.conf, "-D", "jobmanager.rpc.port=1",
                                  "-D", "taskmanager.registration.timeout=500 ms"], capture_output=True, text=True, timeout=DEADLINE,
                                 env=cluster.environment, check=False)
            self.assertEqual(run.returncode, 1)
            self.assertIn("localhost:1", run.stdout + run.stderr)


class StartTest(unittest.TestCase):
    """What a daemon says when it cannot start: one sentence, exit code 1, nothing left behind."""

    def start(self, cluster, kind, *arguments):
        return subprocess.run([os.path.join(dist(), "bin", kind), "--configDir", cluster.conf, *arguments], capture_output=True, text=True,
                              timeout=DEADLINE, env=cluster.environment, check=False)

    def refused(self, kind, options, *words, arguments=()):
        cluster = Cluster(task_managers=0, options=options)
        try:
            run = self.start(cluster, kind, *arguments)
            self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
            for word in words:
                self.assertIn(word, run.stderr)
            lines = [line for line in run.stderr.splitlines() if line.strip()]
            self.assertLessEqual(len(lines), 3, run.stderr)
        finally:
            cluster.__exit__(None, None, None)

    def test_unknown_key_names_the_nearest(self):
        self.refused("jobmanager", {"rest.prot": 1}, "rest.prot", "rest.port")

    def test_wrong_unit_names_key_and_value(self):
        self.refused("taskmanager", {"heartbeat.interval": "3 parsecs"}, "heartbeat.interval", "parsecs")

    def test_wrong_type(self):
        self.refused("taskmanager", {"taskmanager.numberOfTaskSlots": "many"}, "taskmanager.numberOfTaskSlots", "many")

    def test_listener_beyond_loopback_needs_to_be_allowed(self):
        self.refused("jobmanager", {"rest.bind-address": "0.0.0.0"}, "security.allow-unauthenticated")

    def test_port_in_use_names_port_and_key(self):
        listener, port = taken_port()
        with listener:
            self.refused("jobmanager", {"rest.port": port, "rest.bind-port": port}, str(port), "rest.")

    def test_folder_that_cannot_be_written(self):
        self.refused("jobmanager", {"io.tmp.dirs": "/proc/nowhere"}, "/proc/nowhere")

    def test_folder_without_configuration(self):
        with Cluster(task_managers=0) as cluster:
            run = subprocess.run([os.path.join(dist(), "bin", "jobmanager"), "--configDir", "/nonexistent"], capture_output=True, text=True,
                                 timeout=DEADLINE, env=cluster.environment, check=False)
            self.assertEqual(run.returncode, 1)
            self.assertIn("/nonexistent", run.stderr)

    def test_check_says_what_is_right_and_ends(self):
        cluster = Cluster(task_managers=0)
        try:
            for kind in ("jobmanager", "taskmanager"):
                run = self.start(cluster, kind, "--check")
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            cluster.write_config({"rest.prot": 1})
            self.assertEqual(self.start(cluster, "jobmanager", "--check").returncode, 1)
        finally:
            cluster.__exit__(None, None, None)

    def test_version(self):
        for kind in ("jobmanager", "taskmanager", "weir"):
            run = subprocess.run([os.path.join(dist(), "bin", kind), "--version"], capture_output=True, text=True, timeout=DEADLINE, check=False)
            self.assertEqual(run.returncode, 0)
            self.assertRegex(run.stdout, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
