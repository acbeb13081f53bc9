"""Daemons that do not run for a while (SIGSTOP, as a paused machine does it): nobody is taken for lost who only could not be heard."""
import contextlib
import os
import signal
import time
import unittest

from weir_cluster import SLOWNESS, Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
TIMEOUT = 1.5 * SLOWNESS
OPTIONS = {"heartbeat.interval": "200 ms", "heartbeat.timeout": f"{int(TIMEOUT * 1000)} ms"}


def records(cluster, job):
    return cluster.get(f"/jobs/{job}")["vertices"][0]["metrics"]["write-records"]


class Stall(unittest.TestCase):
    def stop_for(self, processes, seconds):
        """All processes stand still, and go on together."""
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            time.sleep(seconds)  # the pause itself
        finally:
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def check_goes_on(self, cluster, job):
        before = records(cluster, job)
        end = time.monotonic() + 2 * TIMEOUT  # long enough to be found missing, were anybody looked for
        while time.monotonic() < end:
            self.assertEqual(cluster.state(job), "RUNNING", cluster.exceptions(job))
            time.sleep(0.05)
        wait_for(lambda: records(cluster, job) > before, "more records")
        self.assertNotIn("timed out", cluster.job_manager.log_text())
        cluster.wait_for_slots(2, available=0)

    def test_a_job_manager_that_was_stopped_longer_than_the_timeout_loses_no_task_manager(self):
        with Cluster(task_managers=2, slots=1, options=OPTIONS) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            for _ in range(2):
                self.stop_for([cluster.job_manager.process.pid], 3 * TIMEOUT)
                self.check_goes_on(cluster, job)

    def test_a_machine_that_was_paused_longer_than_the_timeout_goes_on(self):
        with Cluster(task_managers=2, slots=1, options=OPTIONS) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            workers = [pid for daemon in cluster.task_managers for pid in daemon.children()]
            daemons = [cluster.job_manager.process.pid, *(daemon.process.pid for daemon in cluster.task_managers)]
            for _ in range(2):
                self.stop_for([*daemons, *workers], 3 * TIMEOUT)
                self.check_goes_on(cluster, job)

    def test_a_task_manager_that_alone_was_stopped_longer_than_the_timeout_is_lost(self):
        with Cluster(task_managers=2, slots=1, options=OPTIONS) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            self.stop_for([cluster.task_managers[0].process.pid], 3 * TIMEOUT)
            cluster.wait_for_state(job, "FAILED")
            self.assertIn("timed out", cluster.root_exception(job))
            cluster.wait_for_slots(2, available=2)


if __name__ == "__main__":
    unittest.main()
