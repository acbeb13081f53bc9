"""Jobs from submission to their end: results, failures of user code, crashes, cancelling, slots."""
import collections
import glob
import json
import os
import signal
import unittest

from weir_cluster import FATNESS, Cluster, job_libraries, wait_for

JOBS = os.path.join(job_libraries(), "test_jobs.so")


def lines_of(directory):
    for path in sorted(glob.glob(os.path.join(directory, "**", "part-*"), recursive=True)):
        with open(path, encoding="utf-8") as part:
            yield from part


class ResultTest(unittest.TestCase):
    """Records through keyed exchanges over real sockets come out as a plain fold of them says."""

    def counted(self, cluster, parallelism, count=200_000, keys=100):
        target = os.path.join(cluster.directory, f"out-{parallelism}")
        job = cluster.submit(JOBS, "counted", ["--count", str(count), "--keys", str(keys), "--output", target], parallelism=parallelism)
        cluster.wait_for_state(job, "FINISHED", deadline=60)
        last = collections.defaultdict(int)
        total = 0
        for line in lines_of(target):
            row = json.loads(line)
            last[row["key"]] = max(last[row["key"]], row["count"])
            total += 1
        self.assertEqual(total, count)
        self.assertEqual(sum(last.values()), count)
        self.assertEqual(len(last), keys)
        return dict(last)

    def test_results_do_not_depend_on_parallelism_or_place(self):
        with Cluster(task_managers=2, slots=2) as cluster:
            alone = self.counted(cluster, 1)
            self.assertEqual(self.counted(cluster, 2), alone)
            self.assertEqual(self.counted(cluster, 4), alone)
            cluster.wait_for_slots(4, available=4)
            self.assertFalse(any(m.children() for m in cluster.task_managers))

    def test_connected_streams_meet_by_key_over_sockets(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            target = os.path.join(cluster.directory, "both")
            job = cluster.submit(JOBS, "connected", ["--count", "20000", "--output", target], parallelism=2)
            cluster.wait_for_state(job, "FINISHED", deadline=60)
            self.assertEqual(sorted(json.loads(line)["value"] for line in lines_of(target)), list(range(20000)))

    def test_two_jobs_at_once(self):
        with Cluster(task_managers=2, slots=2) as cluster:
            first = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(first)
            self.counted(cluster, 2, count=50_000)
            self.assertEqual(cluster.state(first), "RUNNING")

    def test_counters_of_a_finished_job_add_up(self):
        with Cluster(task_managers=1, slots=2) as cluster:
            target = os.path.join(cluster.directory, "out")
            job = cluster.submit(JOBS, "counted", ["--count", "10000", "--keys", "10", "--output", target], parallelism=2)
            cluster.wait_for_state(job, "FINISHED")
            vertices = cluster.get(f"/jobs/{job}")["vertices"]
            self.assertEqual(sum(v["metrics"]["write-records"] for v in vertices[:1]), 10000)
            self.assertEqual(sum(v["metrics"]["read-records"] for v in vertices[1:]), 10000)


class UserCodeTest(unittest.TestCase):
    def test_exception_fails_the_job_with_type_message_and_place(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "throws")
            cluster.wait_for_state(job, "FAILED")
            text = cluster.root_exception(job)
            self.assertIn("std::runtime_error", text)
            self.assertIn("bad value 7", text)
            self.assertIn("test_jobs.cc", text)

    def crash(self, entry, *words):
        with Cluster(task_managers=1, slots=2) as cluster:
            other = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(other)
            job = cluster.submit(JOBS, entry)
            cluster.wait_for_state(job, "FAILED")
            text = cluster.root_exception(job)
            for word in words:
                self.assertIn(word, text)
            self.assertEqual(cluster.state(other), "RUNNING")
            cluster.wait_for_slots(2, available=1)
            # The other job still does work.
            before = cluster.get(f"/jobs/{other}")["vertices"][0]["metrics"]["write-records"]
            wait_for(lambda: cluster.get(f"/jobs/{other}")["vertices"][0]["metrics"]["write-records"] > before, "more records of the other job")

    def test_segfault_costs_only_its_job_and_is_reported_with_a_stack(self):
        self.crash("segfaults", "SIGSEGV", "test_jobs.cc")

    def test_abort(self):
        self.crash("aborts", "SIGABRT", "test_jobs.cc")

    def test_stack_overflow(self):
        # The function, its line, and what it means.
        self.crash("overflows_stack", "SIGSEGV", "stack overflow", "deeper", "test_jobs.cc:")

    def test_worker_killed_from_outside(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(job)
            os.kill(cluster.task_managers[0].children()[0], signal.SIGKILL)
            cluster.wait_for_state(job, "FAILED", deadline=5)
            self.assertIn("SIGKILL", cluster.root_exception(job))
            cluster.wait_for_slots(1, available=1)

    def test_worker_that_calls_exit(self):
        self.crash("exits", "3")

    def test_worker_over_its_memory_share_is_ended_with_a_sentence(self):
        with Cluster(task_managers=1, slots=1, options={"taskmanager.memory.process.size": "400m"}) as cluster:
            job = cluster.submit(JOBS, "hoards")
            cluster.wait_for_state(job, "FAILED", deadline=30)
            self.assertIn("memory", cluster.root_exception(job).lower())

    def test_build_function_that_differs_between_planner_and_worker_is_refused_by_operator(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "changes_its_mind")
            cluster.wait_for_state(job, "FAILED")
            self.assertIn("must make the same graph from the same arguments", cluster.root_exception(job))

    def test_standard_output_of_user_code_is_readable(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "prints")
            cluster.wait_for_state(job, "FINISHED")
            manager = cluster.get("/taskmanagers")["taskmanagers"][0]["id"]
            wait_for(lambda: b"hello from a map" in cluster.request("GET", f"/taskmanagers/{manager}/stdout")[2], "the line in stdout")
            self.assertIn("name", cluster.get(f"/taskmanagers/{manager}/logs")["logs"][0])
            self.assertIn(b"taskmanager", cluster.request("GET", f"/taskmanagers/{manager}/log")[2])


class CancelTest(unittest.TestCase):
    def test_cancel_ends_cooperatively_and_frees_the_slots(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.wait_for_running_tasks(job)
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED", deadline=5)
            cluster.wait_for_slots(2, available=2)
            self.assertEqual(cluster.request("PATCH", f"/jobs/{job}?mode=cancel")[0], 202)  # as Flink: it is canceled

    def test_task_that_does_not_listen_is_killed_with_its_worker_only(self):
        with Cluster(task_managers=1, slots=2, options={"task.cancellation.timeout": 700}) as cluster:
            other = cluster.submit(JOBS, "endless")
            cluster.wait_for_running_tasks(other)
            job = cluster.submit(JOBS, "stubborn")
            cluster.wait_for_running_tasks(job)
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED", deadline=10)
            self.assertEqual(cluster.state(other), "RUNNING")

    def test_cancel_while_waiting_for_slots(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=4)
            cluster.wait_for_state(job, "CREATED", "RUNNING")
            cluster.cancel(job)
            cluster.wait_for_state(job, "CANCELED", deadline=5)


    def test_cancel_of_a_job_that_ended_otherwise(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "prints")
            cluster.wait_for_state(job, "FINISHED")
            status, _, body = cluster.request("PATCH", f"/jobs/{job}?mode=cancel")
            self.assertEqual(status, 409)
            self.assertIn("FINISHED", body["errors"][0])


class SlotTest(unittest.TestCase):
    def test_too_few_slots_waits_says_what_is_missing_and_fails_in_time(self):
        with Cluster(task_managers=1, slots=1, options={"slot.request.timeout": 600}) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=3)
            cluster.wait_for_state(job, "FAILED", deadline=5)
            text = cluster.root_exception(job)
            self.assertIn("Could not acquire the minimum required resources", text)
            self.assertIn("3", text)
            self.assertIn("2", cluster.job_manager.log_text())

    def test_slots_that_come_later_start_the_job(self):
        with Cluster(task_managers=1, slots=1) as cluster:
            job = cluster.submit(JOBS, "endless", parallelism=2)
            cluster.add_task_manager()
            cluster.wait_for_running_tasks(job)


class BackpressureTest(unittest.TestCase):
    def check_metrics_of_a_standstill(self, cluster, job):
        """The source waits for room, its outgoing channels are full, and the metrics say so."""
        vertices = [vertex["id"] for vertex in cluster.get(f"/jobs/{job}")["vertices"]]

        def metric(vertex, name, how="min"):
            found = cluster.get(f"/jobs/{job}/vertices/{vertex}/subtasks/metrics?get={name}&agg={how}")
            self.assertEqual([one["id"] for one in found], [name])
            return found[0][how]

        wait_for(lambda: metric(vertices[0], "backPressuredTimeMsPerSecond") > 900, "the source to be backpressured all the time")
        self.assertLess(metric(vertices[0], "busyTimeMsPerSecond", "max"), 100)
        self.assertEqual(metric(vertices[0], "numRecordsOutPerSecond", "sum"), 0)
        self.assertGreaterEqual(metric(vertices[0], "buffers.outPoolUsage"), 0.5)
        self.assertGreaterEqual(metric(vertices[-1], "buffers.inPoolUsage", "max"), 0.5)
        listed = {one["id"] for one in cluster.get(f"/jobs/{job}/vertices/{vertices[0]}/metrics")}
        self.assertLessEqual({"0.numRecordsOut", "1.numBytesOut", "0.buffers.outputQueueLength", "1.isBackPressured"}, listed)
        one = cluster.get(f"/jobs/{job}/vertices/{vertices[0]}/subtasks/0/metrics?get=isBackPressured")
        self.assertEqual(one, [{"id": "isBackPressured", "value": "true"}])
        total = cluster.get("/jobmanager/metrics?get=taskSlotsTotal,numRunningJobs")
        self.assertEqual({one["id"]: one["value"] for one in total}, {"taskSlotsTotal": "2", "numRunningJobs": "1"})

    def test_stopped_sink_stops_the_source_within_its_buffers(self):
        with Cluster(task_managers=2, slots=1) as cluster:
            job = cluster.submit(JOBS, "stopped_sink", ["--gate", os.path.join(cluster.directory, "gate")], parallelism=2)
            cluster.wait_for_running_tasks(job)

            def source_count():
                return cluster.get(f"/jobs/{job}")["vertices"][0]["metrics"]["write-records"]

            def still():
                # Two looks a heartbeat apart see the same count: nothing moves any more.
                before = source_count()
                looks = []
                wait_for(lambda: looks.append(1) or len(looks) > 250, "two and a half seconds", 30)
                return before > 0 and source_count() == before

            wait_for(still, "the source to stand still", 30)
            self.check_metrics_of_a_standstill(cluster, job)
            resident = []
            for manager in cluster.task_managers:
                for worker in manager.children():
                    with open(f"/proc/{worker}/statm", encoding="ascii") as statm:
                        resident.append(int(statm.read().split()[1]) * 4096)
            self.assertLess(max(resident), FATNESS * (200 << 20))
            stood_at = source_count()
            with open(os.path.join(cluster.directory, "gate"), "w", encoding="ascii"):
                pass  # opens the sink
            wait_for(lambda: source_count() > stood_at, "the source to go on")
            cluster.wait_for_state(job, "FINISHED", deadline=60)


if __name__ == "__main__":
    unittest.main()
