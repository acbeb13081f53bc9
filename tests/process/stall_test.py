"""Daemons that do not run for a while (SIGSTOP, as a paused machine does it): nobody is taken for lost who only could not be heard."""
import contextlib
import os
import signal
import socket
import threading
import time
import unittest

from weir_cluster import SLOWNESS, Cluster, job_libraries, taken_port, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")
TIMEOUT = 1.5 * SLOWNESS
OPTIONS = {"heartbeat.interval": "200 ms", "heartbeat.timeout": f"{int(TIMEOUT * 1000)} ms"}


class Relay:
    """Carries bytes between a port of its own and another one. `swallow` makes the connections of that moment lose what the dialling side sends."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = None
        self.swallowed = set()
        self.open = []
        self.taken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                inner, _ = self.listener.accept()
                outer = socket.create_connection(("127.0.0.1", self.target))
                self.open += [inner, outer]
                self.taken += 1
                threading.Thread(target=self._carry, args=(inner, outer, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(outer, inner, False), daemon=True).start()

    def _carry(self, source, target, may_be_swallowed):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (may_be_swallowed and source in self.swallowed):
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def swallow(self):
        self.swallowed = set(self.open)

    def close(self):
        for end in [self.listener, *self.open]:
            end.close()


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

    def test_a_worker_that_stands_still_fails_its_job_in_time_and_no_other(self):
        with Cluster(task_managers=1, slots=2, options=OPTIONS) as cluster:
            stopped = cluster.submit(JOBS, "endless", parallelism=1)
            cluster.wait_for_running_tasks(stopped)
            worker = cluster.task_managers[0].children()[0]
            other = cluster.submit(JOBS, "endless", parallelism=1)
            cluster.wait_for_running_tasks(other)
            os.kill(worker, signal.SIGSTOP)
            # heartbeat.timeout and a quarter, and the time that a worker has to end by itself.
            cluster.wait_for_state(stopped, "FAILED", deadline=2 * TIMEOUT + 4)
            self.assertIn("has said nothing for", cluster.root_exception(stopped))
            self.assertEqual(cluster.state(other), "RUNNING")
            cluster.wait_for_slots(2, available=1)

    def test_a_link_that_loses_one_direction_is_noticed_and_dialled_anew(self):
        relay = Relay()
        self.addCleanup(relay.close)
        with Cluster(task_managers=0, slots=1, options=OPTIONS) as cluster:
            bound, relay.target = taken_port()
            bound.close()
            cluster.add_task_manager("-D", f"taskmanager.rpc.port={relay.port}", "-D", f"taskmanager.rpc.bind-port={relay.target}")
            cluster.wait_for_slots(1)
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            links = relay.taken
            relay.swallow()  # orders go nowhere; heartbeats use the other connection, so the TaskManager looks alive
            wait_for(lambda: relay.taken > links, "the JobManager to dial again", deadline=3 * TIMEOUT + 2)
            self.assertEqual(cluster.state(job), "RUNNING")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED", deadline=5)
            cluster.wait_for_slots(1, available=1)

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
