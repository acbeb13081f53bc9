"""Strangers at the ports of real daemons, while a job runs between two TaskManagers."""
import glob
import os
import resource
import shutil
import socket
import unittest

from weir_cluster import Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
FLOOD = 3000


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


class FloodTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The strangers' descriptors are this process's, thousands of them; users are given 1,024 and may take more.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        if most < 3 * FLOOD:
            raise unittest.SkipTest(f"this user may open {most} files, and {3 * FLOOD} are needed")

    def flood(self, port, words):
        """Opens thousands of connections, sends each a few bytes, and keeps as many open as the other end allows."""
        opened = []
        for number in range(FLOOD):
            stranger = socket.socket()
            stranger.setblocking(False)
            stranger.connect_ex(("127.0.0.1", port))
            opened.append(stranger)
            if number % 3 == 0:
                continue  # says nothing at all
            try:
                stranger.send(words)
            except OSError:
                pass  # not connected yet, or refused already
            if number % 3 == 1:
                stranger.close()
        return opened

    def test_connections_by_the_thousand_disturb_no_job_and_cost_no_memory(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            running = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(running)
            ports = [manager["dataPort"] for manager in cluster.get("/taskmanagers")["taskmanagers"]]
            processes = [manager.process.pid for manager in cluster.task_managers]
            before = [resident(pid) for pid in processes]

            def count():
                return cluster.get(f"/jobs/{running}")["vertices"][-1]["metrics"]["read-records"]

            for words in (b"GET / HTTP/1.1\r\n\r\n" + b"x" * 64, b"WEIRDATA\x01\x00" + b"\x00" * 54, b"WEIR"):
                opened = []
                try:
                    for port in ports:
                        opened += self.flood(port, words)
                    seen = count()
                    wait_for(lambda: count() > seen, "the job to go on while strangers hold connections")
                    self.assertEqual(cluster.state(running), "RUNNING")
                finally:
                    for stranger in opened:
                        stranger.close()
            for pid, bytes_before in zip(processes, before):
                self.assertLess(resident(pid), bytes_before + (32 << 20))
            for manager in cluster.task_managers:
                lines = [line for line in manager.log_text().splitlines() if "127.0.0.1" in line and "data connection" in line]
                self.assertGreaterEqual(len(lines), 1)
                self.assertLess(len(lines), 50, "\n".join(lines[:60]))
            cluster.cancel(running)
            cluster.wait_for_state(running, "CANCELED")
            # A job that starts afterwards finds its way through the same port.
            after = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(after)
            cluster.cancel(after)

    def test_a_job_starts_while_strangers_hold_connections(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            ports = [manager["dataPort"] for manager in cluster.get("/taskmanagers")["taskmanagers"]]
            opened = []
            try:
                for port in ports:
                    opened += self.flood(port, b"WEIR")
                job = cluster.submit(JOBS, "endless", parallelism=2)
                cluster.wait_for_running_tasks(job, deadline=40)
            finally:
                for stranger in opened:
                    stranger.close()
            cluster.cancel(job)


class RemovedFoldersTest(unittest.TestCase):
    def test_jobs_run_after_all_temporary_folders_were_removed_under_both_daemons(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            for _ in range(2):
                job = cluster.submit(JOBS, "endless")
                cluster.wait_for_running_tasks(job)
                cluster.cancel(job)
                cluster.wait_for_state(job, "CANCELED")
                shutil.rmtree(os.path.join(cluster.directory, "tmp"))

    def test_a_task_manager_that_cannot_start_jobs_fails_one_and_is_avoided_then(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            broken, = glob.glob(os.path.join(cluster.directory, "tmp", "weir-taskmanager-*"))
            cluster.add_task_manager()
            cluster.wait_for_slots(4)
            shutil.rmtree(broken)
            with open(broken, "w", encoding="ascii"):
                pass  # a file where its folder was: it can't be made anew
            first = cluster.submit(JOBS, "endless")
            cluster.wait_for_state(first, "FAILED")
            self.assertIn("artefacts", cluster.root_exception(first))
            for _ in range(2):
                job = cluster.submit(JOBS, "endless")
                cluster.wait_for_running_tasks(job)


if __name__ == "__main__":
    unittest.main()
